"""How the network that finds burned-in text was trained; not needed to use it."""
