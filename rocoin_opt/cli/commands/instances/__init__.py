"""Commands that write instances, or what goes into them."""
