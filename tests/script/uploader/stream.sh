# stream.sh send SIZE URL: uploads that many bytes, of which no two pieces are
#   equal and none is ever on a disk; says the status of the answer.
# stream.sh sum SIZE TYPE: the MD5, in hex, of the form that the uploader makes
#   of them, by the boundary in its Content-Type.
set -eu
generate() {
    openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null |
        head -c "$1"
}

case $1 in
send)
    generate "$2" | curl -sS -o /dev/null -w '%{http_code}' -X POST -T - \
        -H "Content-Length: $2" -H 'Transfer-Encoding:' -H 'Expect:' \
        -H 'Content-MD5: c3VtCg==' "$3"
    ;;
sum)
    boundary=${3#*boundary=}
    {
        printf -- '--%s\r\n' "$boundary"
        printf 'Content-Disposition: form-data; name="file"; '
        printf 'filename="droplet.tgz"\r\n'
        printf 'Content-Type: application/octet-stream\r\n\r\n'
        generate "$2"
        printf '\r\n--%s--\r\n' "$boundary"
    } | openssl md5 -r | cut -c1-32 | tr -d '\n'
    ;;
esac
