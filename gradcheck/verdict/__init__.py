"""The only comparison: certificates, verdicts, diagnosis, localisation."""
