"""What engines that are somebody's HTTP service share."""
