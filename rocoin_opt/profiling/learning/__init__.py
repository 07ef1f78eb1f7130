"""What a training is made of: draws, steps, where they run, and with what arithmetic."""
