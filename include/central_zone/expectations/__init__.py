"""What must hold of the records: rules from policy, turned into Great Expectations suites and run."""
