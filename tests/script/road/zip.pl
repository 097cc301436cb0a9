#!/usr/bin/perl
# zip.pl OUT ENTRY...: a zip of whatever names are asked for, which no packer
# would make. ENTRY: NAME=CONTENT, NAME->TARGET (a symbolic link), or
# NAME*MEGABYTES (that many zeros, deflated by gzip). Needs perl-base only.
use strict;
use warnings;

my @table = map {
    my $c = $_;
    $c = $c & 1 ? 0xedb88320 ^ ($c >> 1) : $c >> 1 for 1 .. 8;
    $c;
} 0 .. 255;

sub crc32 {
    my $crc = 0xffffffff;
    $crc = $table[($crc ^ $_) & 255] ^ ($crc >> 8) for unpack 'C*', $_[0];
    return $crc ^ 0xffffffff;
}

# Method, checksum, size and bytes of so many zeros: gzip's, without its frame.
sub zeros {
    my ($megabytes) = @_;
    my $packed = `head -c ${megabytes}M /dev/zero | gzip -n`;
    my ($crc, $size) = unpack 'VV', substr $packed, -8;
    return (8, $crc, $size, substr $packed, 10, -8);
}

my $out = shift;
my ($body, $directory, $count) = ('', '', 0);
for (@ARGV) {
    my ($name, $kind, $rest) = /\A(.*?)(=|->|\*)(.*)\z/s or die "$_?\n";
    my $mode = $kind eq '->' ? 0120777 : 0100644;
    my ($method, $crc, $size, $bytes) =
        $kind eq '*' ? zeros($rest) : (0, crc32($rest), length $rest, $rest);
    my $common = pack 'vvvvvVVVvv', 20, 0, $method, 0, 33, $crc,
        length $bytes, $size, length $name, 0;
    $directory .= pack('Vv', 0x02014b50, 0x0314) . $common
        . pack('vvvVV', 0, 0, 0, $mode << 16, length $body) . $name;
    $body .= pack('V', 0x04034b50) . $common . $name . $bytes;
    $count++;
}
open my $file, '>', $out or die "$out: $!\n";
print $file $body, $directory, pack 'VvvvvVVv', 0x06054b50, 0, 0, $count,
    $count, length $directory, length $body, 0;
close $file or die "$out: $!\n";
