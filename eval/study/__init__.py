"""What people preferred: strengths, agreement and reliability out of a file of votes."""
