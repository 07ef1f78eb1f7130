"""The settings of the whole way from a teacher to measured accuracy, and the devices that it is for."""
