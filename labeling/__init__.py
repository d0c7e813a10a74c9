"""What people see and do: bring in, pre-label, correct, compare, export."""
