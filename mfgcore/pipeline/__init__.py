"""From a configuration to the workflow's runs and its provenance."""
