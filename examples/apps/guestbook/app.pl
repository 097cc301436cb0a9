#!/usr/bin/perl
# A guestbook in the memory of one instance: run several of them and reload the
# page to see which one answers, and that each has entries of its own.
#   GET  /          the page          POST /      signs it (name, words)
#   GET  /instance  who answers, as plain text
#   POST /crash     ends this instance with status 1
# Needs perl-base only; $PORT says where it listens.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my $MAX_REQUEST = 16384;
my $MAX_ENTRIES = 50;
my $PATIENCE    = 10;      # seconds a client may take

my $port  = $ENV{PORT} // 8080;
my $index = $ENV{CF_INSTANCE_INDEX} // $ENV{INSTANCE_INDEX} // '?';
my @entries;
my $requests = 0;
my $ending   = 0;
$|           = 1;
$SIG{PIPE}   = 'IGNORE';
$SIG{TERM}   = $SIG{INT} = sub { $ending = 1 };

my %REASONS = (
    200 => 'OK',
    303 => 'See Other',
    400 => 'Bad Request',
    404 => 'Not Found',
    405 => 'Method Not Allowed',
    413 => 'Content Too Large',
);

sub html {
    my ($text) = @_;
    my %as = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    $text =~ s/([&<>"])/$as{$1}/g;
    return $text;
}

# "a=b&c=d" as a hash.
sub form {
    my ($text) = @_;
    my %form;
    for my $pair (split /&/, $text) {
        my ($name, $value) = split /=/, $pair, 2;
        $value //= '';
        $value =~ tr/+/ /;
        $value =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        $value =~ s/[\x00-\x1f\x7f]+/ /g;
        $form{$name} = $value;
    }
    return %form;
}

# What the platform tells an instance of itself.
sub about {
    return map { [ $_, $ENV{$_} // '-' ] } qw(CF_INSTANCE_INDEX
        CF_INSTANCE_GUID CF_INSTANCE_ADDR CF_INSTANCE_IP CF_INSTANCE_PORT PORT
        HOME);
}

sub page {
    my $rows = join '',
        map { "<tr><th>$_->[0]</th><td>" . html($_->[1]) . "</td></tr>\n" }
        about();
    my $signed = join '', map {
        '<li><b>' . html($_->{name}) . '</b> ' . html($_->{words}) . "</li>\n"
    } reverse @entries;
    my $count = @entries;
    my $hue   = $index =~ /\A[0-9]+\z/ ? $index * 67 % 360 : 0;
    return <<"END";
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Guestbook</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 17px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
header { background: hsl($hue, 55%, 38%); color: #fff; padding: 1rem 1.5rem; border-radius: 12px; }
h1 { margin: 0; } input { font: inherit; padding: .3rem .5rem; }
th { text-align: left; padding-right: 1rem; font-weight: 500; }
</style></head><body>
<header><h1>Guestbook</h1>instance <b>$index</b>, its request $requests</header>
<form method="post" action="/"><p><input name="name" placeholder="name" required maxlength="40">
<input name="words" placeholder="a few words" size="28" maxlength="200">
<button>sign</button></p></form>
<p>$count entries in the memory of this instance.</p>
<ul>
$signed</ul>
<table>
$rows</table>
<form method="post" action="/crash"><p><button>crash this instance</button></p></form>
</body></html>
END
}

# ---- the pages: each gives status, type, body and further header lines -----

sub show_page { return (200, 'text/html; charset=utf-8', page()) }

sub show_instance {
    return (200, 'text/plain; charset=utf-8',
        join '', "instance $index\nrequests $requests\nentries "
            . @entries . "\n", map { "$_->[0] $_->[1]\n" } about());
}

sub sign {
    my %form = form($_[0]);
    my $name = substr $form{name} // '', 0, 120;
    return (400, 'text/plain; charset=utf-8', "A name is needed.\n")
        if $name !~ /\S/;
    push @entries, { name => $name, words => substr $form{words} // '', 0, 600 };
    shift @entries while @entries > $MAX_ENTRIES;
    return (303, 'text/plain; charset=utf-8', "signed\n", 'Location: /');
}

sub crash {
    print "instance $index: told to crash\n";
    exit 1;
}

my %ROUTES = (
    '/'         => { GET  => \&show_page, POST => \&sign },
    '/instance' => { GET  => \&show_instance },
    '/crash'    => { POST => \&crash },
);

# ---- HTTP ------------------------------------------------------------------

sub answer {
    my ($method, $target, $body) = @_;
    (my $path = $target) =~ s/\?.*//s;
    my $route = $ROUTES{$path}
        or return (404, 'text/plain; charset=utf-8', "404 Not Found\n");
    my $page = $route->{ $method eq 'HEAD' ? 'GET' : $method };
    return $page->($body) if $page;
    return (405, 'text/plain; charset=utf-8', "405 Method Not Allowed\n",
        'Allow: ' . join ', ', sort keys %$route);
}

sub respond {
    my ($client, $method, $target, $status, $type, $body, @more) = @_;
    my $bytes = join "\r\n", "HTTP/1.1 $status $REASONS{$status}",
        "Content-Type: $type", 'Content-Length: ' . length $body,
        'Connection: close', @more, '', $method eq 'HEAD' ? '' : $body;
    $client->blocking(1);
    alarm $PATIENCE;    # of a client that does not read
    eval {
        local $SIG{ALRM} = sub { die "slow\n" };
        my $sent = 0;
        while ($sent < length $bytes) {
            my $n = syswrite $client, $bytes, length($bytes) - $sent, $sent;
            last unless $n;
            $sent += $n;
        }
    };
    alarm 0;
    $target =~ s/[^\x21-\x7e]/?/g;
    print "instance $index: $method $target $status\n";
}

# Does what has come make a whole request? Undef: not yet.
sub try_request {
    my ($client, $seen) = @_;
    if (length $seen > $MAX_REQUEST) {
        respond($client, '-', '-', 413, 'text/plain', "too large\n");
        return 1;
    }
    my ($head, $body) = split /\r?\n\r?\n/, $seen, 2;
    return undef unless defined $body;
    my ($length) = $head =~ /^Content-Length:\s*([0-9]{1,9})\s*$/mi;
    return undef if length $body < ($length // 0);
    my ($method, $target) = $head =~ m{\A([A-Z]+) (/\S*) HTTP/1\.[01]};
    if (!defined $target) {
        respond($client, '-', '-', 400, 'text/plain', "400 Bad Request\n");
        return 1;
    }
    $requests++;
    respond($client, $method, $target, answer($method, $target, $body));
    return 1;
}

my $listener = IO::Socket::INET->new(
    LocalAddr => '0.0.0.0',
    LocalPort => $port,
    Listen    => 128,
    ReuseAddr => 1,
) or die "can't listen on port $port: $@\n";
$listener->blocking(0);
my $select = IO::Select->new($listener);
my %open;    # by descriptor: what was read so far, and when it began
print "instance $index: listening on 0.0.0.0:$port\n";

sub drop {
    my ($client) = @_;
    delete $open{ fileno $client };
    $select->remove($client);
    close $client;
}

until ($ending) {
    for my $ready ($select->can_read(1)) {
        if ($ready == $listener) {
            my $client = $listener->accept or next;
            $client->blocking(0);
            $select->add($client);
            $open{ fileno $client } =
                { seen => '', since => time, client => $client };
            next;
        }
        my $state = $open{ fileno $ready };
        my $n     = sysread $ready, $state->{seen}, 8192, length $state->{seen};
        drop($ready) if !$n || try_request($ready, $state->{seen});
    }
    drop($_->{client})
        for grep { $_->{since} + $PATIENCE < time } values %open;
}
print "instance $index: stopping after $requests requests\n";
