"""Where state is kept: SQL for records, a folder of blobs for bytes."""
