"""The three mechanisms of CAL, side by side: pure functions of tensors, torch only."""
