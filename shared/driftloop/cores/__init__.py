"""What every service's core is made with: reading records, the table of specs, gathering effects."""
