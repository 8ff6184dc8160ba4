"""Trust: what is known of versions: bills of materials, licences, advisories, vulnerabilities."""
