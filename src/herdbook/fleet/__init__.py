"""What runs: instances of image versions, and the port of the engines that run them."""
