"""From PyTorch networks to instances: profiles, activation graphs, students."""
