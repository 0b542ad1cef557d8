"""What every analysis shares: options, results, rules, how rows were drawn."""
