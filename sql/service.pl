#!/usr/bin/perl
#
# Turns the connection string in $LEADGEN_DATABASE, a PostgreSQL URI or a
# conninfo, into the section [leadgen] of a service file on the standard output:
# so every client of libpq connects alike, and no password is on a command line.

use strict;
use warnings;

my $target = $ENV{LEADGEN_DATABASE} // '';
my (@words, %value);

sub decode {
    my ($text) = @_;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

if ($target =~ m{^postgres(?:ql)?://(?:([^/?#@]*)@)?([^/?]*)(?:/([^?]*))?(?:\?(.*))?$}s) {
    my ($login, $hosts, $database, $query) = ($1, $2, $3, $4);

    if (defined $login) {
        my ($user, $password) = split /:/, $login, 2;
        push @words, [user => decode($user)];
        push @words, [password => decode($password)] if defined $password;
    }

    my (@hosts, @ports);
    foreach my $host (split /,/, $hosts) {
        $host =~ s/:(\d*)$// ? push @ports, $1 : push @ports, '';
        $host =~ s/^\[(.*)\]$/$1/;
        push @hosts, decode($host);
    }
    push @words, [host => join ',', @hosts] if grep { $_ ne '' } @hosts;
    push @words, [port => join ',', @ports] if grep { $_ ne '' } @ports;
    push @words, [dbname => decode($database)]
        if defined $database && $database ne '';

    foreach my $pair (split /&/, $query // '') {
        my ($name, $text) = split /=/, $pair, 2;
        die "not NAME=VALUE: $name\n" if !defined $text;
        push @words, [decode($name) => decode($text)];
    }

} else {
    while ($target =~ /\G\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/gcs) {
        my ($name, $text) = ($1, $2 // $3);
        $text =~ s/\\(.)/$1/gs;
        push @words, [$name => $text];
    }

    $target =~ /\G\s*/gc;
    die "neither a PostgreSQL URI nor a conninfo\n"
        if !@words || pos($target) < length $target;
}

$value{connect_timeout} = 5;

foreach my $word (@words) {
    my ($name, $text) = @$word;
    die "$name has a line break\n" if $name =~ /\s/ || $text =~ /[\r\n\0]/;
    $value{$name} = $text;
}

print "[leadgen]\n", map { "$_=$value{$_}\n" } sort keys %value;
