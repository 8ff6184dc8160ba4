"""What goes on by itself: looks, decides, acts once and says what was done."""
