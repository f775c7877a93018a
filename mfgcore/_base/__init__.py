"""Errors, files, registries, plugins and checks that every other room builds on."""
