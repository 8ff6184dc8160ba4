#!/bin/busybox sh
# The first program of a Herdbook machine: finds the root, lays a writable layer over it and
# hands over to systemd. It stops the machine rather than start it from the wrong disk.
b=/bin/busybox

fail() {
    # To the console whatever "quiet" says: nobody can look into a machine that has no root.
    echo "herdbook: cannot start: $1" >/dev/console
    $b sync
    $b poweroff -f
    # Without a firmware that can switch off, stop here: init must never return.
    while :; do $b sleep 3600; done
}

load() {
    # A module for hardware that is not there refuses to load: what matters is the root.
    for module in /modules/"$1"/*.ko; do $b insmod "$module" 2>/dev/null; done
}

find_disk() { # prints the device that is called $1: a virtio serial or a partition name
    for entry in /sys/class/block/*; do
        [ -e "$entry/uevent" ] || continue # the pattern itself, while there is no disk at all
        serial='' # the file has no newline at its end, so read "fails" with the value in place
        [ -e "$entry/serial" ] && read -r serial <"$entry/serial"
        [ "$serial" = "$1" ] && echo "/dev/${entry##*/}" && return
        while read -r line; do
            [ "$line" = "PARTNAME=$1" ] && echo "/dev/${entry##*/}" && return
        done <"$entry/uevent"
    done
    return 1
}

find_port() { # prints the device of the virtio port that is called $1
    for entry in /sys/class/virtio-ports/*; do
        name=''
        [ -e "$entry/name" ] && read -r name <"$entry/name"
        [ "$name" = "$1" ] && echo "/dev/${entry##*/}" && return
    done
    return 1
}

wait_for_disk() { # $1 name, $2 tries of 20 ms: real controllers find their disks after the driver
    tries=0
    until disk=$(find_disk "$1"); do
        tries=$((tries + 1))
        [ $tries -ge "$2" ] && return 1
        $b usleep 20000
    done
}

take_commands() { # $1 what the units are called, $2 how the ports' names begin
    # Whoever can plug such ports into a machine is its host.
    commands=$(find_port "$2.commands") || return
    errors=$(find_port "$2.errors") || return
    end=$(find_port "$2.end") || return
    unit=$units/$1
    $b mkdir -p $units/herdbook.target.wants "$unit.service.d" "$unit.socket.d" "$unit-end.socket.d"
    [ -e /run/herdbook-inside ] || $b cp -r /inside /run/herdbook-inside
    for kind in .socket -end.socket -end.service; do
        $b cp "/inside/herdbook-inside$kind" "$unit$kind"
    done
    # As the service is run, down to its secrets, but for what is to be run.
    $b cp "$service" "$unit.service" || return
    $b ln -s /run/systemd/generator/herdbook-service.service.d/herdbook.conf \
        "$unit.service.d/10-service.conf"
    [ ! -e "$changes" ] || $b ln -s "$changes" "$unit.service.d/15-start.conf"
    $b cp /inside/inside.conf "$unit.service.d/20-inside.conf"
    printf '[Socket]\nListenSpecial=%s\nListenSpecial=%s\n' "$commands" "$errors" \
        >"$unit.socket.d/ports.conf"
    printf '[Socket]\nListenSpecial=%s\n' "$end" >"$unit-end.socket.d/ports.conf"
    $b ln -s "$unit.socket" "$unit-end.socket" $units/herdbook.target.wants
}

in_root() { # the image's own busybox, for a link in a path is to be followed as the service will
    $b chroot /new /bin/busybox "$@"
}

mount_volume() { # $1 serial of the disk, $2 rw or ro, $3 absolute path in the root
    wait_for_disk "$1" 150 || fail "the volume for $3 is missing"
    in_root mkdir -p "$3" || fail "there can be no directory $3 for a volume"
    place=$(in_root readlink -f "$3")
    case "$place/" in
    / | // | /dev/* | /proc/* | /run/* | /sys/*) fail "no volume can be mounted at $3" ;;
    esac
    mode=$($b stat -c %a "/new$place")
    owner=$($b stat -c %u:%g "/new$place")
    $b mount -t ext4 -o "$2,noatime,nodev,nosuid" "$disk" "/new$place" ||
        fail "cannot mount the volume for $3 on $disk"
    # Nothing in it yet: it is to its service what the image's directory would have been.
    if [ "$2" = rw ] && [ -z "$($b ls -A "/new$place")" ]; then
        $b chown "$owner" "/new$place"
        $b chmod "$mode" "/new$place"
    fi
    echo "$place" >>/run/herdbook/mounted
}

mount_memory() { # $1 options, $2 absolute path in the root
    in_root mkdir -p "$2" || fail "there can be no directory $2 in memory"
    place=$(in_root readlink -f "$2")
    case "$place/" in
    / | // | /dev/* | /proc/* | /run/ | /sys/*) fail "no folder in memory can be at $2" ;;
    /run/*) at=$place ;; # what /run is now, it will be in the root
    *) at=/new$place ;;
    esac
    $b mkdir -p "$at" /run/herdbook/memory
    $b mount -t tmpfs -o "$1" tmpfs /run/herdbook/memory || fail "there is no memory with $1 for $2"
    mode=$($b stat -c %a /run/herdbook/memory)
    owner=$($b stat -c %u:%g /run/herdbook/memory)
    # What the image has there is there, as in a container; the folder itself is as was wished.
    $b cp -a "$at/." /run/herdbook/memory/ || fail "what the image has at $2 is too large for it"
    $b chown "$owner" /run/herdbook/memory
    $b chmod "$mode" /run/herdbook/memory
    $b mount -o move /run/herdbook/memory "$at" || fail "no folder in memory can be at $2"
    echo "$place" >>/run/herdbook/mounted
}

give_file() { # $1 its place in the list, $2 its mode, $3 absolute path in the root
    file=/run/herdbook/herdbook.file.$1
    $b chmod "$2" "$file"
    folder=${3%/*}
    in_root mkdir -p "${folder:-/}" || fail "there can be no directory $folder"
    in_root test -e "$3" || in_root touch "$3" || fail "there can be no file $3"
    place=$(in_root readlink -f "$3")
    case "$place/" in
    / | // | /dev/* | /proc/* | /run/* | /sys/*) fail "no file can be seen at $3" ;;
    esac
    [ ! -d "/new$place" ] || fail "there is a directory at $3, and a file is to be seen there"
    $b mount -o bind "$file" "/new$place" || fail "no file can be seen at $3"
    $b mount -o remount,bind,ro,nodev,nosuid "$file" "/new$place" || fail "$3 could be written to"
    echo "$place" >>/run/herdbook/mounted
}

change_service() { # what the service does otherwise than its image says, for this start
    $b mkdir -p "${changes%/*}"
    $b cat /run/herdbook/herdbook.service.conf >"$changes"
    if [ -e /run/herdbook/herdbook.arguments ]; then
        { read -r words && read -r whole; } </run/herdbook/herdbook.arguments
        own=$(setting_of ExecStart)
        # That is what the unit of an image without any service says.
        [ "$own" = ':"/usr/bin/sleep" "infinity"' ] || whole="$own $words"
        printf 'ExecStart=\nExecStart=%s\n' "$whole" >>"$changes"
    fi
    if [ -e /run/herdbook/herdbook.directory ]; then
        IFS= read -r folder </run/herdbook/herdbook.directory
        in_root mkdir -p "$folder" || fail "there can be no directory $folder"
    fi
}

setting_of() { # prints what the service's unit and its changes say of $1 last
    value=$($b sed -n "s/^$1=/=/p" "$service" "$changes" 2>/dev/null) # one line each: none is empty
    value=${value##*
}
    printf '%s\n' "${value#=}"
}

lists() { # whether the accounts in $1 have the name or the number $2
    while IFS=: read -r name _ number _ || [ -n "$name" ]; do
        [ "$name" = "$2" ] && return
        [ "$number" = "$2" ] && return
    done 2>/dev/null <"$1"
    return 1
}

know_accounts() { # systemd starts nothing as a user or a group that it finds in no list
    user=$(setting_of User)
    group=$(setting_of Group)
    case $group in
    '' | 0 | root) ;;
    *) lists /new/etc/group "$group" || new_account group "$group" : ;;
    esac
    case $user in
    '' | 0 | root) ;;
    *) lists /new/etc/passwd "$user" || new_account passwd "$user" :0::/:/usr/sbin/nologin ;;
    esac
}

new_account() { # $1 the list, $2 the number, $3 the rest of the line
    case $2 in *[!0-9]*) fail "the image has no $2 in /etc/$1, as which its service is to run" ;; esac
    [ -z "$($b tail -c 1 "/new/etc/$1" 2>/dev/null)" ] || echo >>"/new/etc/$1"
    echo "herdbook-$2:x:$2$3" >>"/new/etc/$1" || fail "nobody can be added to /etc/$1"
}

$b mkdir -p /proc /sys /run /new
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
read -r command_line </proc/cmdline

load first
if ! wait_for_disk herdbook-root 10; then
    load foreign
    wait_for_disk herdbook-root 1000 || fail "no disk or partition is called herdbook-root"
fi
root=$disk

# systemd keeps what lies in /run/initramfs until the very end and then makes it read-only: that
# leaves the writable disk's file system clean (systemd's interface for initrds).
$b mount -t tmpfs -o mode=0755,nosuid,nodev,size=20% tmpfs /run
$b mkdir -m 0700 /run/initramfs
layers=/run/initramfs/herdbook
$b mkdir $layers $layers/root $layers/writable
$b mount -t erofs -o ro "$root" $layers/root || fail "cannot mount the root on $root"

case " $command_line " in
*" herdbook.rw=required "*) required=yes tries_for_writable=150 ;;
*) required=no tries_for_writable=1 ;;
esac
if wait_for_disk herdbook-rw $tries_for_writable; then
    $b mount -t ext4 -o noatime "$disk" $layers/writable ||
        fail "cannot mount the writable disk on $disk"
elif [ $required = yes ]; then
    fail "the writable disk herdbook-rw is missing"
else
    $b mount -t tmpfs -o mode=0755,size=50% tmpfs $layers/writable
fi
$b mkdir -p $layers/writable/upper $layers/writable/work
upper=upperdir=$layers/writable/upper,workdir=$layers/writable/work
$b mount -t overlay -o lowerdir=$layers/root,$upper overlay /new ||
    fail "cannot lay the writable layer over the root"

$b mount -t tmpfs -o mode=1777,nosuid,nodev,size=50% tmpfs /new/tmp

# Settings and secrets of this start, as a tar: firmware tables cut off what exceeds 4 KiB.
if disk=$(find_disk herdbook-secrets); then
    $b mkdir -m 0700 /run/herdbook
    $b tar -x -f "$disk" -C /run/herdbook || fail "cannot read the secrets on $disk"
fi

# A service must never meet an empty directory where its data should be.
if [ -e /run/herdbook/herdbook.volumes ]; then
    while read -r serial access target; do
        case $serial in
        memory) mount_memory "$access" "$target" ;;
        *) mount_volume "$serial" "$access" "$target" ;;
        esac
    done </run/herdbook/herdbook.volumes
elif find_disk herdbook-volume-0 >/dev/null; then
    fail "nothing says where its volumes are to be mounted"
fi

# Where a volume lies, its files are hidden: what was given lies above.
if [ -e /run/herdbook/herdbook.files ]; then
    while read -r number mode target; do
        give_file "$number" "$mode" "$target"
    done </run/herdbook/herdbook.files
fi

units=/run/systemd/system
service=/new/usr/lib/systemd/system/herdbook-service.service
changes=$units/herdbook-service.service.d/start.conf
[ ! -e /run/herdbook/herdbook.service.conf ] || change_service
know_accounts

# A name that is not in /etc/hosts costs every program that asks for it a time-out.
for word in $command_line; do
    case "$word" in
    systemd.hostname=*)
        name=${word#*=}
        $b grep -qsw "$name" /new/etc/hosts || echo "127.0.1.1 $name" >>/new/etc/hosts
        ;;
    esac
done

if [ -d /sys/class/virtio-ports ]; then
    take_commands herdbook-inside herdbook
    take_commands herdbook-asking herdbook.asking
fi

[ -x /new/sbin/init ] || [ -L /new/sbin/init ] || fail "the root has no /sbin/init"
for directory in proc sys dev run; do $b mount -o move /$directory /new/$directory; done
exec $b switch_root /new /sbin/init
