# Looks after one PostgreSQL server for the process that holds the other end of stdin.
#
#   sh -c "$(cat supervisor.sh)" NAME BIN DIRECTORY
#
# Reads a command per line and answers each with a line, `ok` or `failed`. When the input ends, for
# whatever reason our parent is gone, it stops the server and removes the directory.
#
# POSIX only: this runs under dash, bash, ash and the shells of macOS and the BSDs.

bin=$1 dir=$2 server=
data=$dir/data log=$dir/server.log
# For sleep, grep and rm, should ours lead elsewhere.
PATH=$PATH:/bin:/usr/bin

# Runs a foreground child, which is also what makes a shell collect a server that has died.
pause() { sleep 0.02 2>/dev/null || sleep 1; }

alive() { [ -n "$server" ] && kill -s 0 "$server" 2>/dev/null; }

# The first line of the file is the server's process; a stale file names another one.
ready() {
    read -r pid <"$data/postmaster.pid" && [ "$pid" = "$server" ] &&
        grep -q '^ready' "$data/postmaster.pid"
}

# The log keeps what it says only when it fails.
init() {
    "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
        </dev/null >"$log" 2>&1 && : >"$log"
}

start() {
    pause
    alive && return 0
    "$bin/postgres" -D "$data" </dev/null >>"$log" 2>&1 &
    server=$!
    tries=1500
    while alive && [ "$tries" -gt 0 ]; do
        ready && return 0
        tries=$((tries - 1))
        pause
    done
    stop QUIT
    return 1
}

# Asks with the signal, insists after five seconds and forces after ten.
stop() {
    tries=500
    alive && kill -s "$1" "$server"
    while alive; do
        tries=$((tries - 1))
        [ "$tries" -eq 250 ] && kill -s QUIT "$server"
        [ "$tries" -eq 0 ] && kill -s KILL "$server"
        pause
    done
    server=
}

finish() {
    trap '' HUP INT TERM
    stop INT
    cd / && rm -rf -- "$dir"
}

trap finish EXIT
trap 'exit 1' HUP INT TERM
# The parent may die while we answer it.
trap '' PIPE

while read -r command; do
    case $command in
        init) init ;;
        start) start ;;
        fast) stop INT ;;
        immediate) stop QUIT ;;
        *) false ;;
    esac && echo ok || echo failed
done
