#!/usr/bin/env bash
# demo.sh TOOLS_DEMO BUILD DRIVER: tools/demo as its users run it, with a short load. What its topology is stands in
# tools/demo; here is looked at from outside: what it prints, how it ends, and what it leaves behind.
#
# With the driver socket also: it is interrupted in the middle, and it is left running and then stopped.
set -uo pipefail

demo=$1 build=$2 driver=$3
[ "$(id -u)" -eq 0 ] || { echo "1..0 # skip needs root"; exit 77; }
dir=$(mktemp -d)
demo_pid=''
count=0 bad=0

finish() {
	[ -z "$demo_pid" ] || { kill -TERM "$demo_pid" && wait "$demo_pid"; } 2>/dev/null
	"$demo" --stop "$(work)" >/dev/null 2>&1
	rm -rf "$dir"
}
trap finish EXIT

fact() { # $1: 0 for true; the rest says what is true
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - ${*:2}"
	else
		bad=$((bad + 1))
		echo "not ok $count - ${*:2}"
		sed 's/^/# /' "$dir/err" | tail -n 30
	fi
}

# The demo's folder, as it has said.
work() { grep -o '/run/chasqui-demo\.[A-Za-z0-9]*' "$dir/err" 2>/dev/null | head -n 1; }
hugepages() { cat /proc/sys/vm/nr_hugepages; }

# What is still there of the demo.
remains() {
	local work
	work=$(work)
	[ -n "$work" ] || { echo "the demo has not said where it works"; return; }
	ip netns list | grep "^chq${work##*.}-"
	grep -F "$work" /proc/self/mounts
	[ ! -e "$work" ] || echo "$work"
	[ ! -e "/run/dpdk/chasqui-chq${work##*.}" ] || echo "/run/dpdk/chasqui-chq${work##*.}"
	grep -lsF "$work" /proc/[0-9]*/cmdline
	[ "$(hugepages)" -le "$pages" ] || echo "$(hugepages) huge pages, $pages before"
}

nothing_remains() {
	local left
	left=$(remains)
	[ -z "$left" ] || printf '%s\n' "$left" >>"$dir/err"
	[ -z "$left" ]
	fact $? "$1 leaves no namespace, mount, file, process or huge page behind"
}

check_json() {
	python3 - "$dir/out" "$driver" <<-'END'
		import json, sys
		r = json.loads(open(sys.argv[1]).read())  # one object, and nothing else
		assert list(r) == ["driver", "chat_delivered", "chat_receipts", "load_sent", "load_delivered",
		                   "load_frames_per_s", "p50_us", "p99_us"], r
		assert r["driver"] == sys.argv[2], r
		assert r["chat_delivered"] == r["chat_receipts"] == 10, r
		assert 0 < r["load_sent"] * 0.9 <= r["load_delivered"] <= r["load_sent"], r
		assert r["load_frames_per_s"] > 0 and 0 < r["p50_us"] <= r["p99_us"], r
	END
}

begin() {
	pages=$(hugepages)
	"$demo" --driver "$driver" --build "$build" --seconds 1 --sessions 100 "$@" >"$dir/out" 2>"$dir/err" &
	demo_pid=$!
}

end() {
	local code
	wait "$demo_pid"
	code=$?
	demo_pid=''
	return $code
}

whole_run() {
	begin --json
	end
	fact $? "the demo with the driver $driver ends well"
	check_json 2>>"$dir/err"
	fact $? "it prints one JSON object: all messages and receipts came, and the load went through"
	nothing_remains "the demo with the driver $driver"
}

interrupted_run() {
	local end=$((SECONDS + 60))
	begin --json
	until grep -q '^== 9' "$dir/err" || [ $SECONDS -gt $end ]; do sleep 0.05; done
	kill -TERM "$demo_pid"
	end
	[ $? -eq 143 ]
	fact $? "a demo that is ended in the middle says so by its exit code"
	nothing_remains "a demo that is ended in the middle"
}

kept_run() {
	local work
	begin --json --keep
	end
	fact $? "a demo that is to go on running ends well"
	work=$(work)
	"$work/bin/chasquictl" -c "$work/etc/chasqui.yaml" -o json status | grep -q '"well":true'
	fact $? "its server then goes on running"
	"$demo" --stop "$work" >>"$dir/err" 2>&1
	fact $? "it can be stopped later"
	nothing_remains "a demo that was stopped later"
}

whole_run
if [ "$driver" = socket ]; then
	interrupted_run
	kept_run
fi
echo "1..$count"
[ $bad -eq 0 ]
