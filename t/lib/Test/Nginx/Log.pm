package Test::Nginx::Log;

# What a block says of error.log, and what nobody wants there.

use strict;
use warnings;

use Test::More import => [qw(diag fail ok)];
use Time::HiRes qw(sleep time);

use Test::Nginx::Server;

# how much of error.log has been checked, in bytes
my $checked;


sub begin { $checked = 0 }


# The patterns of a log section: lines are plain text, or a list or regular
# expression by eval.

sub patterns {
    my ($value) = @_;

    return () if !defined $value;
    return map { ref $_ ? $_ : qr/\Q$_\E/ } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return map { qr/\Q$_\E/ } grep { $_ ne '' } split /\n+/, $value;
}


# Checks what error.log got since the last check; its lines have "limit" seconds
# to come.

sub check {
    my ($block, $limit) = @_;
    my $name = $block->name;
    my @patterns = patterns(scalar $block->error_log);
    my $deadline = time + $limit;
    my $held = 1;
    my $log;

    while (1) {
        $log = substr Test::Nginx::Server::read_log('error.log'), $checked;
        last if time >= $deadline || !grep { !has_line($log, $_) } @patterns;
        sleep 0.01;
    }

    $checked += length $log;

    for my $pattern (@patterns) {
        $held &= ok(has_line($log, $pattern),
                    "$name - a line of error.log matches $pattern");
    }

    for my $pattern (patterns(scalar $block->no_error_log)) {
        my $line = has_line($log, $pattern);
        $held &= ok(!$line, "$name - no line of error.log matches $pattern"
                            . ($line ? ", but this: $line" : ''));
    }

    explain($block) if !$held;
}


sub has_line {
    my ($log, $pattern) = @_;

    for my $line (split /\n/, $log) {
        return $line if $line =~ $pattern;
    }

    return undef;
}


# What nobody wants in a log, whether a block asks or not.

sub check_alarms {
    my ($block) = @_;
    my $asked = join "\n", patterns(scalar $block->error_log),
                           patterns(scalar $block->no_error_log);

    for my $line (map { split /\n/, Test::Nginx::Server::read_log($_) }
                  qw(error.log output.log))
    {
        next if $line !~ /\[alert\]|Sanitizer|runtime error:|Assertion /;
        next if $line =~ /\[alert\]/ && $asked =~ /\[alert/;

        fail($block->name . " - error.log has: $line");
        explain($block);
        return;
    }
}


# What came and the end of the log, for who reads a failure.

sub explain {
    my ($block, $response) = @_;

    if (defined $response) {
        $response =~ s/\r\n/\n/g;
        diag("--- response\n" . substr $response, 0, 4096);
    }

    my @entries = grep { !/\A\S+ \S+ \[debug\]/ }
                  split /^(?=\d{4}\/\d\d\/\d\d )/m,
                  join '', map { Test::Nginx::Server::read_log($_) }
                  qw(error.log output.log);
    splice @entries, 0, -20 if @entries > 20;
    diag(join '', "--- the end of error.log\n", @entries);
}


1;
