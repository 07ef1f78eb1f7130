"""What is given: the instance, its arrays, its files, and where instances come from."""
