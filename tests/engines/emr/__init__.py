"""`fanin emr`, `fanin doctor -r emr`, and what a profile asks EMR for, against the small EMR of tests/emr_lab."""
