"""The schema files: made from the contracts, checked for freshness and backward compatibility."""
