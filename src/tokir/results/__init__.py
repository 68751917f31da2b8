"""What a study found: typed records, what is concluded from them, and the sentences that say so."""
