"""Commands about campaigns, what they print, and how somebody watches one."""
