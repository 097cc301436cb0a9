#!/usr/bin/perl
# serve.pl FOLDER PORT: a small HTTP server for files, a process per client.
# It needs perl-base only. What it never does: serve anything outside FOLDER,
# a hidden file, or what a symbolic link leads to.
use strict;
use warnings;
use Errno qw(EINTR);
use Fcntl qw(:mode);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG strftime);

my $MAX_CLIENTS = 64;
my $MAX_HEAD    = 16384;    # bytes of a request's head
my $PATIENCE    = 30;       # seconds for a request, and for each piece sent

my %TYPES = (
    avif  => 'image/avif',
    css   => 'text/css; charset=utf-8',
    gif   => 'image/gif',
    html  => 'text/html; charset=utf-8',
    htm   => 'text/html; charset=utf-8',
    ico   => 'image/x-icon',
    jpeg  => 'image/jpeg',
    jpg   => 'image/jpeg',
    js    => 'text/javascript; charset=utf-8',
    json  => 'application/json',
    md    => 'text/markdown; charset=utf-8',
    mjs   => 'text/javascript; charset=utf-8',
    mp3   => 'audio/mpeg',
    mp4   => 'video/mp4',
    pdf   => 'application/pdf',
    png   => 'image/png',
    svg   => 'image/svg+xml',
    txt   => 'text/plain; charset=utf-8',
    wasm  => 'application/wasm',
    webp  => 'image/webp',
    woff  => 'font/woff',
    woff2 => 'font/woff2',
    xml   => 'application/xml',
    zip   => 'application/zip',
);
my %REASONS = (
    200 => 'OK',
    301 => 'Moved Permanently',
    400 => 'Bad Request',
    403 => 'Forbidden',
    404 => 'Not Found',
    405 => 'Method Not Allowed',
    500 => 'Internal Server Error',
);

my ($folder, $port) = @ARGV;
die "usage: serve.pl FOLDER PORT\n"
    unless defined $port && $port =~ /\A[0-9]{1,5}\z/ && -d $folder;
$| = 1;

# The request target as a path below the folder: undef if it is not one.
sub clean_path {
    my ($target) = @_;
    $target =~ s/[?#].*//s;
    return undef if $target !~ m{\A/};
    return undef if $target =~ /%(?![0-9A-Fa-f]{2})/;
    $target =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return undef if $target =~ /[\x00-\x1f\x7f\\]/;
    my @parts = grep { $_ ne '' && $_ ne '.' } split m{/}, $target;
    return undef if grep { $_ eq '..' } @parts;
    return join('/', @parts) . ($target =~ m{/\.?\z} && @parts ? '/' : '');
}

# Walks down from the folder: a status, and the file's name with 200.
sub find_file {
    my ($path) = @_;
    my $name  = $folder;
    my $isdir = 1;
    for my $part (split m{/}, $path) {
        return 404 if !$isdir || $part =~ /\A\./;
        $name .= "/$part";
        my @stat = lstat $name or return 404;
        $isdir = S_ISDIR($stat[2]);
        return 404 unless $isdir || S_ISREG($stat[2]);
    }
    return ($isdir ? 404 : 200, $name) unless $isdir || $path =~ m{/\z};
    return 404 unless $isdir;
    return 301 if $path ne '' && $path !~ m{/\z};
    $name .= '/index.html';
    my @stat = lstat $name or return 404;
    return S_ISREG($stat[2]) ? (200, $name) : 404;
}

sub send_all {
    my ($client, $bytes) = @_;
    my $sent = 0;
    while ($sent < length $bytes) {
        alarm $PATIENCE;
        my $n = syswrite $client, $bytes, length($bytes) - $sent, $sent;
        next if !defined $n && $! == EINTR;
        return 0 unless $n;
        $sent += $n;
    }
    return 1;
}

sub send_head {
    my ($client, $status, $type, $length, @more) = @_;
    my $date = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime);
    return send_all($client, join "\r\n", "HTTP/1.1 $status $REASONS{$status}",
        "Date: $date", "Content-Type: $type", "Content-Length: $length",
        'X-Content-Type-Options: nosniff', 'Connection: close', @more, '', '');
}

sub send_words {
    my ($client, $method, $status, @more) = @_;
    my $words = "$status $REASONS{$status}\n";
    send_head($client, $status, 'text/plain; charset=utf-8', length $words,
        @more);
    send_all($client, $words) unless $method eq 'HEAD';
    return $status;
}

sub send_file {
    my ($client, $method, $status, $name) = @_;
    open my $in, '<:raw', $name or return send_words($client, $method, 403);
    my $left = (stat $in)[7];
    my ($ending) = $name =~ /\.([A-Za-z0-9]+)\z/;
    my $type = $TYPES{ lc($ending // '') } // 'application/octet-stream';
    send_head($client, $status, $type, $left) or return $status;
    return $status if $method eq 'HEAD';
    while ($left > 0) {
        my $n = sysread $in, my $piece, $left < 65536 ? $left : 65536;
        last unless $n;    # it shrank: the closed connection says so
        send_all($client, $piece) or last;
        $left -= $n;
    }
    return $status;
}

sub answer {
    my ($client, $method, $target) = @_;
    return send_words($client, $method, 405, 'Allow: GET, HEAD')
        unless $method eq 'GET' || $method eq 'HEAD';
    my $path = clean_path($target);
    return send_words($client, $method, 400) unless defined $path;
    my ($status, $name) = find_file($path);
    if ($status == 301) {
        (my $to = "/$path/") =~ s{([^A-Za-z0-9/._~-])}{sprintf '%%%02X', ord $1}ge;
        return send_words($client, $method, 301, "Location: $to");
    }
    return send_file($client, $method, 200, $name) if $status == 200;
    my ($found, $page) = find_file('404.html'); # the site's own words
    return send_file($client, $method, 404, $page) if $found == 200;
    return send_words($client, $method, 404);
}

# In a process of its own.
sub serve_client {
    my ($client) = @_;
    alarm $PATIENCE;
    my $head = '';
    while ($head !~ /\r?\n\r?\n/) {
        my $n = sysread $client, $head, 4096, length $head;
        return unless $n && length $head <= $MAX_HEAD;
    }
    my ($method, $target) =
        $head =~ m{\A([A-Z]{1,16}) (\S+) HTTP/1\.[01]\r?\n};
    if (!defined $target) {
        send_words($client, 'GET', 400);
        return;
    }
    my $status = answer($client, $method, $target);
    $target =~ s/[^\x21-\x7e]/?/g;
    printf "%s %s %s %d\n", $client->peerhost // '-', $method, $target,
        $status;
}

my $listener = IO::Socket::INET->new(
    LocalAddr => '0.0.0.0',
    LocalPort => $port,
    Listen    => 128,
    ReuseAddr => 1,
) or die "can't listen on port $port: $@\n";
$listener->blocking(0);
my $select = IO::Select->new($listener);
my ($clients, $ending) = (0, 0);
$SIG{CHLD} = sub { };    # so that the wait ends, and the loop reaps
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = $SIG{INT} = sub { $ending = 1 };
print "serving $folder on 0.0.0.0:$port\n";

until ($ending) {
    $clients-- while $clients > 0 && waitpid(-1, WNOHANG) > 0;
    # With all places taken nothing is accepted; the end of a child wakes us.
    my @ready = $clients < $MAX_CLIENTS ? $select->can_read(1) : select undef,
        undef, undef, 1;
    next unless @ready && ref $ready[0];
    my $client = $listener->accept or next;
    $client->blocking(1);
    my $child = fork;
    if (!defined $child) {
        warn "can't fork: $!\n";
    } elsif ($child == 0) {
        $SIG{$_} = 'DEFAULT' for qw(CHLD TERM INT);
        close $listener;
        serve_client($client);
        POSIX::_exit(0);
    } else {
        $clients++;
    }
    close $client;
}
print "stopping\n";
close $listener;
$SIG{ALRM} = sub { exit 0 };
alarm 5;    # those being served may finish
1 while waitpid(-1, 0) > 0;
