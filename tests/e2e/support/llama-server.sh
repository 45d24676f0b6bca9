#!/bin/bash
# Unpacks llama.cpp's server from Debian's own packages, without installing. llama-server.sh DIR
#
# bookworm and trixie have no llama.cpp, sid has: its packages are downloaded (about 13 MB) and run
# by their own loader with their own libraries. Prints the command that starts the server. What is
# there already is not fetched again; exit status 1 where it can't be had.
set -eu
dir=${1:?usage: llama-server.sh DIR}
start=$dir/llama-server
packages="llama.cpp-tools libllama0 libggml0 libc6 libgcc-s1 libstdc++6 libgomp1 libssl3t64 zlib1g libzstd1 libblas3"

if [ -x "$start" ]; then
    echo "$start"
    exit 0
fi
[ "$(dpkg --print-architecture 2> /dev/null)" = amd64 ] || { echo "not an amd64 Debian" >&2 && exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || { echo "no $keyring" >&2 && exit 1; }
# The mirror that this machine uses anyway.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null |
    sed -nE -e 's/^URIs: *([^ ]+).*/\1/p' -e 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' |
    grep -E '/debian/?$' | head -n 1)
[ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt" >&2 && exit 1; }

mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/packages" "$dir/root"
dir=$(cd "$dir" && pwd)
start=$dir/llama-server
echo "deb [signed-by=$keyring] $mirror sid main" > "$dir/apt/sources.list"
quiet_apt() {
    apt-get -qq -o Dir::Etc::SourceList="$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$dir/apt/lists" -o Dir::Cache="$dir/apt/cache" \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@" > /dev/null
}
quiet_apt update
# shellcheck disable=SC2086 # a list
(cd "$dir/packages" && quiet_apt download $packages)
for package in "$dir"/packages/*.deb; do
    dpkg -x "$package" "$dir/root"
done
lib=$dir/root/usr/lib/x86_64-linux-gnu
if grep -q avx2 /proc/cpuinfo; then cpu=haswell; else cpu=x64; fi
cat > "$start.part" <<END
#!/bin/sh
export GGML_BACKEND_PATH="$lib/ggml/backends0/libggml-cpu-$cpu.so"
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/llama:$lib/ggml:$lib/blas" \\
    --argv0 llama-server "$dir/root/usr/bin/llama-server" "\$@"
END
chmod +x "$start.part"
rm -rf "$dir/apt" "$dir/packages"
mv "$start.part" "$start"
echo "$start"
