"""Campaigns: one patch carried through the whole catalogue, by rebase where that is proven safe."""
