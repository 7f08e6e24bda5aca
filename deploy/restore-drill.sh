#!/bin/sh
# The restore drill: backs a log up, restores the backup beside it, proves that both are the
# same, and says how long it took and what the backup lacks. The log goes on meanwhile, and
# nothing of it is changed. Done by a timer, it is the only backup that anybody should trust.
#
#	deploy/restore-drill.sh LOG DIR [TARGET [COMMAND…]]
#
# LOG     what is backed up: a directory, or the URL of a store
# DIR     where backup/ is made or brought up to date, and restored/ is made anew: a disk with room
#         for the log twice
# TARGET  where to restore to, instead of DIR/restored: the URL of a store in which there is no
#         such log yet
# COMMAND what the restored log has to pass besides, such as: orders audit --store
#         It is given TARGET as its last argument.
#
# It needs the program daybook. It ends with 0 if everything could be restored.
set -eu

if test $# -lt 2; then
	sed -n 's/^#\t\(deploy.*\)/usage: \1/p' "$0" >&2
	exit 2
fi
log=$1 dir=$2 target=${3:-$2/restored}
shift 2
test $# -eq 0 || shift
began=$(date +%s)
elapsed() { echo $(($(date +%s) - began)); }
position() { daybook head "$1" | cut -d . -f 1; }

# 1. The backup. Only what is new is brought.
case $log in
*://*) daybook copy "$log" "log://$dir/backup" ;;
*) daybook backup "$log" "$dir/backup" --copy ;;
esac
echo "drill: backed up after $(elapsed) s"

# 2. Every byte of it is read.
daybook verify "$dir/backup"
upto=$(position "$dir/backup")

# 3. It is the log, event for event, up to where it comes.
theirs=$(daybook digest "$log" --until "$upto")
ours=$(daybook digest "$dir/backup")
if test "$theirs" != "$ours"; then
	echo "drill: the backup is not the log up to position $upto: $ours, and not $theirs" >&2
	exit 1
fi
echo "drill: the backup has the log's digest up to position $upto"

# 4. It is restored, and what is restored is the same.
restoring=$(date +%s)
case $target in
*://*) daybook copy "log://$dir/backup" "$target" ;;
*)
	rm -rf "$dir/restored"
	case $log in
	*://*) daybook copy "log://$dir/backup" "log://$target" ;;
	*) daybook restore "$dir/backup" "$target" ;;
	esac
	;;
esac
again=$(daybook digest "$target")
if test "$again" != "$ours"; then
	echo "drill: what was restored is not the backup: $again, and not $ours" >&2
	exit 1
fi
echo "drill: restored in $(($(date +%s) - restoring)) s, with the same digest"

# 5. The program's own check.
if test $# -gt 0; then
	"$@" "$target"
	echo "drill: $1 has nothing against it"
fi
lacks=$(($(position "$log") - upto))
echo "drill: passed after $(elapsed) s; the log has come $lacks positions further meanwhile, which a restore now would lack"
