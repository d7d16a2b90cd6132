"""What proves the record to somebody who does not trust it: keys, seals, stamps and proofs."""
