#!/usr/bin/perl
# The tables of docs/plugins/operating.md are those of the code: policy members
# with ranges and defaults, reasons of a refusal with their way out, log lines
# with their level, limits. Each is compared both ways: what the code has is
# told, what is told the code has. A pattern that finds too little fails, too.
#   docs_tables.pl SOURCE_DIR
use strict;
use warnings;

my ($root) = @ARGV;
my $failed = 0;

sub fail {
    print "FAIL docs/plugins/operating.md: @_\n";
    $failed = 1;
}

sub slurp {
    my ($path) = @_;
    local $/;
    open(my $in, "<", "$root/$path") or die "$path: $!\n";
    return scalar <$in>;
}

# The C string literals of a text, joined.
sub literals {
    my ($text) = @_;
    $text =~ s/CCB_ENTRY_SYMBOL/"ccb_lifecycle_entry_v1"/g;
    my $all = join "", $text =~ /"((?:[^"\\]|\\.)*)"/g;
    $all =~ s/\\(.)/$1/g;
    return $all;
}

# The value of an integer constant's expression; times in milliseconds.
sub value {
    my ($text) = @_;
    $text =~ s/CCB_MILLISECOND/1/g;
    $text =~ s/CCB_SECOND/1000/g;
    $text =~ s/\(size_t\)|(?<=\d)[UL]+//g;
    die "no number: $text\n" unless $text =~ /^[\d\s()*+<-]+$/;
    return eval $text;
}

# The rows of the table below "## HEADING", each a list of cells.
my $page = slurp("docs/plugins/operating.md");

sub table {
    my ($heading) = @_;
    my ($section) = $page =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms
        or die "no section \"$heading\"\n";
    my ($lines) = $section =~ /^\|(?:---\|)+\n((?:\|.*\n)+)/m
        or die "no table in \"$heading\"\n";
    return map { [/(?<=\| )(.*?)(?= \|)/g] } split /\n/, $lines;
}

# Both ways: every key of the one is a key of the other.
sub compare {
    my ($what, $least, $code, $told) = @_;
    keys %$code >= $least
        or fail("only " . keys(%$code) . " $what found in the code");
    for (sort keys %$code) {
        fail("$what: \"$_\" is not told") unless exists $told->{$_};
    }
    for (sort keys %$told) {
        fail("$what: the code has no \"$_\"") unless exists $code->{$_};
    }
}

# A first cell has one word in backticks.
sub by_word {
    my %rows;
    for my $row (@_) {
        my ($word) = $row->[0] =~ /^`([^`]+)`$/
            or fail("\"$row->[0]\" is not one word in backticks"), next;
        fail("`$word` is told twice") if $rows{$word};
        $rows{$word} = $row;
    }
    return %rows;
}

# ---- policies ----------------------------------------------------------------

sub check_policies {
    my $source = slurp("core/plugin/policy.c");
    my ($rows) = $source =~ /members\[\] = \{\n(.*?)\n\};/s or die "members";
    my ($starts) = $source =~ /policy = \(struct ccb_plugin_policy\)\{(.*?)\}/s
        or die "ccb_plugin_policy_init";
    my %start = $starts =~ /\.(\w+) = (\w+)/g;
    my ($timeout) = slurp("core/daemon/options.c") =~
        /"pluginTimeout",.*?\.default_text = "(\w+)"/s or die "pluginTimeout";
    my %default = (
        enabled    => "`$start{enabled}`",
        memory_mb  => $start{memory_mb},
        critical   => "`false`",
        priority   => "0",
        timeout_ms => "`-pluginTimeout`, which is $timeout",
    );
    my %range;
    while ($rows =~ /\{"(\w+)", decode_\w+, [^,]+, ([^,]+), ([^,]+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}/g) {
        my ($name, $least, $most, $words) = ($1, $2, $3, literals($4));
        my ($said) = $words =~ /(\d+ to \d+)/;
        $range{$name} = $most =~ /^[1-9]/ ? "$least to $most" : $said;
        fail("policy.c: \"$words\" is not $range{$name}")
            if $most =~ /^[1-9]/ && $words !~ /\Q$range{$name}\E/;
    }
    my %told = by_word(table("Policies"));
    compare("members of a policy", 10, \%range, \%told);
    for my $name (grep { exists $range{$_} } keys %told) {
        my (undef, $value, $without) = @{$told{$name}};
        fail("`$name` is " . ($range{$name} // "without a range"))
            if ($range{$name} // "") ne ($value =~ /(\d+ to \d+)/ ? $1 : "");
        fail("`$name` is by default $default{$name}")
            if defined $default{$name} && $without ne $default{$name};
    }
}

# ---- reasons -----------------------------------------------------------------

sub check_reasons {
    my ($rows) = slurp("core/plugin/refusal.c") =~ /row rows\[\] = \{\n(.*?)\n\};/s
        or die "refusal.c";
    my %advice;
    while ($rows =~ /\[CCB_REFUSED_\w+\] = \{"(\w+)",(.*?)\}(?=,\s*(?:\[|\z))/gs) {
        $advice{$1} = literals($2) unless $1 eq "none";
    }
    my %told = by_word(table("Why was it refused?"));
    compare("reasons", 20, \%advice, \%told);
    for my $word (grep { exists $advice{$_} } keys %told) {
        my $way = $told{$word}[2] // "";
        $way =~ s/`//g;
        fail("the way out of `$word` is: $advice{$word}")
            if $way ne $advice{$word};
        fail("`$word` has no meaning") if $told{$word}[1] !~ /\w/;
    }
}

# ---- log lines ---------------------------------------------------------------

sub check_lines {
    my $name = qr/"([a-z]+(?:-[a-z]+)+)"/;
    my %level;
    for my $path (glob("$root/core/plugin/*.c"), glob("$root/core/plugin/runner/*.c"),
        map { "$root/core/daemon/$_.c" } qw(reload plugins plugins_control)) {
        my $source = slurp(substr($path, length($root) + 1));
        $level{$2} = lc $1 while $source =~ /CCB_LEVEL_(\w+),\s*$name/g;
        $level{$1} = "error" while $source =~ /\blevel,\s*$name/g;
        $level{$2} = $1 while $source =~ /ccb_log_(info|error|debug)\([^;"]*$name/g;
        $level{$1} = "as the plugin says" while $source =~ /memcpy\(out, $name/g;
    }
    my %told = by_word(table("What the log says"));
    compare("log lines", 19, \%level, \%told);
    for my $line (grep { exists $level{$_} } keys %told) {
        fail("`$line` is of level $level{$line}")
            if $told{$line}[1] ne $level{$line};
    }
}

# ---- limits ------------------------------------------------------------------

# What bounds the operator's plugins, by file and name; the unit in which the
# code counts, and how it is told.
my @limits = (
    ["runner/limits.c OWN_MEMORY_MB", "MiB", "a worker's address space"],
    ["runner/limits.c MAX_DESCRIPTORS", "", "a worker's open descriptors"],
    ["runner/limits.c WORKING_TIME", "s", "a worker's processor time, in all its life"],
    ["runner/limits.c MANY_THREADS", "", "threads that a worker may have left behind between calls"],
    ["health.h CCB_HEALTH_CRASHES", "", "crashes before the quarantine"],
    ["health.c WINDOW", "ms", "the time that they are counted in"],
    ["health.c FIRST_REST", "ms", "the first wait after crashes in a row"],
    ["health.c LONGEST_REST", "ms", "the longest wait after crashes in a row"],
    ["health.h CCB_HEALTH_POISONS", "", "poisonous requests that are remembered"],
    ["isolated.c HANDSHAKE", "ms", "a worker's start, until it has opened the plugin"],
    ["trial.c TRIAL_TIME", "ms", "the trial of a new build: opening, self-test, first calls"],
    ["mapped.h CCB_PLUGIN_MAX_BUILDS", "", "builds of one in-process plugin in one daemon"],
    ["pool.h CCB_PLUGIN_POOL_MAX", "", "threads or workers of one plugin"],
    ["host.h CCB_PLUGIN_MAX_QUEUE", "", "calls that wait for one plugin"],
    ["host.h CCB_PLUGIN_MAX_ROUNDS", "", "rounds of costly facts in one call"],
    ["facts.c MAX_FACTS", "", "costly facts in one round"],
    ["facts.c MAX_CHAIN", "", "lifecycles that wrap one another"],
    ["wire.h CCB_WIRE_MAX_TO_WORKER", "bytes", "a request to a worker, with its facts"],
    ["host.h CCB_PLUGIN_MAX_RESULT", "bytes", "a result"],
    ["host.h CCB_PLUGIN_MAX_SCRATCH", "bytes", "memory of `alloc` in one call"],
    ["host.h CCB_PLUGIN_MAX_TEXT", "bytes", "the words of a refusal by the plugin"],
    ["services.c MAX_ERROR_ID", "bytes", "the error id of a refusal by the plugin"],
    ["host.h CCB_PLUGIN_LINES_A_SECOND", "", "log lines of one plugin in a second"],
    ["services.c MAX_LOG_DATA", "bytes", "the data of one log line"],
    ["services.c MAX_LOG_MEMBERS", "", "members in the data of one log line"],
    ["worker.c MAX_LINE", "bytes", "a printed line, the rest of which is cut"],
    ["image.h CCB_PLUGIN_MAX_FILE", "bytes", "a plugin's file"],
    ["note.h CCB_NOTE_MAX_TEXT", "bytes", "a manifest"],
    ["manifest.c MAX_NAME", "bytes", "the id, the version, the name of an interface"],
    ["manifest.c MAX_LIST", "", "claims or interfaces of a manifest"],
    ["directory.c MAX_FILES", "", "plugin files in one directory"],
    ["policy.c MAX_FILE", "bytes", "a policy"],
    ["policy.c MAX_CLAIMS", "", "claims in a policy"],
    ["failures.c MAX_FAILURES", "", "builds whose failed trial is remembered"],
);

# What nobody meets who has the above, or what only the parser of a file has.
my %inner = map { $_ => 1 } (
    "policy.c MAX_NAME",        # of a wrong member in a message
    "note.c MAX_SEGMENTS", "note.c MAX_SECTIONS", "note.c MAX_NOTES",
    "runner/main.c MAX_LOG_DATA", "runner/main.c MAX_LOG_ACTION",
    "services.c MAX_WANTED", "services.c MAX_ACTION",
    "services.c MAX_LOG_NAME",
    "wire.c MAX_CALL", "wire.c MAX_WORDS", "wire.h CCB_WIRE_MAX_TO_DAEMON",
);

sub check_limits {
    my %scale = ("" => 1, bytes => 1, KiB => 1 << 10, MiB => 1 << 20, s => 1000, ms => 1);
    my %code;
    for my $path (glob("$root/core/plugin/*.[ch]"), glob("$root/core/plugin/runner/*.[ch]")) {
        my $file = substr($path, length("$root/core/plugin/"));
        my $source = slurp("core/plugin/$file");
        # Constants of an enum, and macros, those of a time and those named so.
        while ($source =~ /^\s+([A-Z]\w+) = ([^,}\n]+?)\s*(?:,|$)/gm) {
            $code{"$file $1"} = $2;
        }
        while ($source =~ /^enum \{ (.*?) \};/gm) {
            my $list = $1;
            $code{"$file $1"} = $2 while $list =~ /(\w+) = ([^,]+?)(?:,|$)/g;
        }
        while ($source =~ m{^#define (\w+) +([^\n"/]+?)\s*(?:/\*.*)?$}gm) {
            $code{"$file $1"} = $2;
        }
    }
    my (%known, %told);
    for (@limits) {
        my ($constant, $unit, $what) = @$_;
        $known{$constant} = 1;
        exists $code{$constant} or fail("limits: the code has no $constant"), next;
        $told{$what} = value($code{$constant}) * $scale{$unit};
    }
    for (sort keys %code) {
        my $is_limit = /\bMAX_|_MAX_|_MAX$/ || $code{$_} =~ /CCB_(?:MILLI)?SECOND/;
        fail("limits: $_ is neither told nor known as an inner one")
            if $is_limit && !$known{$_} && !$inner{$_};
    }
    for (sort keys %inner) {
        fail("limits: the code has no $_") unless exists $code{$_};
    }
    my %rows = map { $_->[0] => $_->[1] } table("Limits");
    compare("limits", scalar @limits, \%told, \%rows);
    for my $what (grep { exists $told{$_} } keys %rows) {
        my ($number, $unit) = $rows{$what} =~ /(\d+)(?: (bytes|KiB|MiB|ms|s))?\b/
            or fail("\"$what\" has no number"), next;
        fail("\"$what\" is not $rows{$what}")
            if $number * $scale{$unit // ""} != $told{$what};
    }
}

check_policies();
check_reasons();
check_lines();
check_limits();
exit $failed;
