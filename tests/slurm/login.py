"""The Snakemake of the login node, which looks at its jobs every two seconds."""

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda _: 2, lambda _, given: None)
if __name__ == "__main__":
    main()
