"""What the images install: bills of material (CycloneDX) and licences."""
