"""The service that instances under test run: a busybox shell script and its web server."""

from pathlib import Path

PORT = 80

BUSYBOX = Path("/bin/busybox")

APPLETS = (
    *("base64", "cat", "chmod", "cp", "env", "grep", "httpd", "insmod", "ip", "ls", "mkdir"),
    *("mount", "poweroff", "rm", "sh", "sleep", "tr"),
)

SERVICE = """\
#!/bin/sh
trap 'echo "stopped kindly"; exit 0' TERM
echo "the service starts"
env >/www/environment
cp /proc/self/status /www/status
if [ -d "$CREDENTIALS_DIRECTORY" ]; then
    ls -ln "$CREDENTIALS_DIRECTORY" >/www/listing
    cp -r "$CREDENTIALS_DIRECTORY" /www/credentials
    chmod -R a+rX /www/credentials
fi
if [ -n "$ENDS_WITH" ]; then
    echo "the service gives up"
    exit "$ENDS_WITH"
fi
httpd -p 80 -h /www
echo "the service is ready"
while :; do
    sleep 1 &
    wait $!
done
"""
"""Serves what it was given, ends with `$ENDS_WITH` if that is set, and stops when asked to."""


def directories() -> list[str]:
    return ["bin", "dev", "etc", "proc", "run", "sys", "tmp", "www"]


def programs() -> dict[str, bytes]:
    return {"bin/busybox": BUSYBOX.read_bytes(), "bin/service": SERVICE.encode()}


def links() -> dict[str, str]:
    return {f"bin/{applet}": "busybox" for applet in APPLETS}
