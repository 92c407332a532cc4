package Test::Nginx::Client;

# HTTP over a plain socket: request sections of a test block go in, responses
# come out.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);


# The requests of a block: a list of [ bytes, number of responses, is HEAD ].

sub requests {
    my ($block) = @_;

    my $raw = $block->raw_request;
    if (defined $raw) {
        $raw = join '', @$raw if ref $raw;
        return ([$raw, 1, scalar $raw =~ /^HEAD /]);
    }

    my $pipelined = $block->pipelined_requests;
    if (defined $pipelined) {
        my $n = 0;
        my $bytes = join '', map {
            my $i = $n++;
            build($block, $_, $i, $i == $#$pipelined ? 'close' : 'keep-alive')
        } @$pipelined;
        return ([$bytes, $n, 0]);
    }

    my $request = $block->request;
    die $block->name . " - no --- request section\n" if !defined $request;

    if (!ref $request) {
        $request =~ s/\A(?:\s*#[^\n]*\n|\s+)+//;
        $request = [$request];
    }

    my $n = 0;
    return map {
        [build($block, $_, $n++, 'close'), 1, scalar(/^\s*HEAD\s/)]
    } @$request;
}


# The lines of more_headers for request number n.

sub more_headers {
    my ($block, $n) = @_;

    my $more = $block->more_headers || '';
    $more = $more->[$n] if ref $more;
    die $block->name . " - --- more_headers has nothing for request $n\n"
        if !defined $more;

    return map { my ($name, $value) = split /:\s*/, $_, 2;
                 "$name: " . ($value // '') }
           grep { !/^\s*#/ } split /\n+/, $more;
}


# "METHOD [PATH [VERSION]]\nbody" and more_headers, as bytes for the wire.

sub build {
    my ($block, $text, $n, $connection) = @_;

    my ($line, $body) = split /\n/, $text, 2;
    my ($method, $path, $version)
        = $line =~ /^\s*(\S+)(?: +(\S+)(?: +(\S+))?)?\s*$/
        or die $block->name . " - not METHOD [PATH [VERSION]]: $line\n";
    $path //= '/';
    $version //= 'HTTP/1.1';

    my @headers = more_headers($block, $n);
    my $has = sub { my ($pattern) = @_; return grep { /^$pattern/ } @headers };

    # a body stands as it is where a header tells its size
    if (($body //= '') ne '' && !$has->('Content-Length:')
        && !$has->('(?i:Transfer-Encoding): chunked$'))
    {
        $body =~ s/\A\s+|\s+\z//g;
        push @headers, 'Content-Length: ' . length $body;
    }

    unshift @headers, "Connection: $connection" if !$has->('(?i)Connection');
    unshift @headers, 'Host: localhost' if !$has->('(?i)Host:');

    return join("\r\n", "$method $path $version", @headers, '', $body);
}


# Sends bytes, reads until the server closes; gives up when nothing moves for
# "timeout" seconds.  Returns (what came, why it ended early or undef).

sub exchange {
    my ($port, $bytes, $timeout) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => $timeout)
        or return ('', "could not connect to port $port: $!");

    $socket->blocking(0);
    local $SIG{PIPE} = 'IGNORE';

    my $select = IO::Select->new($socket);
    my ($got, $sent, $deadline) = ('', 0, time + $timeout);

    while (1) {
        my $left = $deadline - time;
        return ($got, "timed out after $timeout s") if $left <= 0;

        if ($sent < length $bytes) {
            my ($r, $w) = IO::Select->select($select, $select, undef, $left);

            if ($w && @$w) {
                my $n = syswrite $socket, $bytes, 65536, $sent;
                $deadline = time + $timeout;
                # who closes early has answered: read what it said
                $sent = defined $n ? $sent + $n : length $bytes;
            }

            next if !$r || !@$r;

        } elsif (!$select->can_read($left)) {
            next;
        }

        my $n = sysread $socket, $got, 65536, length $got;
        return ($got, undef) if defined $n && $n == 0;
        $deadline = time + $timeout;

        if (!defined $n && !$!{EAGAIN} && !$!{EINTR}) {
            return ($got, $got eq '' ? "connection broke: $!" : undef);
        }
    }
}


# Parses one response off the front of bytes.  Returns it, with what is left of
# the bytes, as { code, raw_headers, headers => [[name, value]], body, rest,
# problem }.

sub parse {
    my ($bytes, $is_head) = @_;

    my %response = (
        code => '', raw_headers => '', headers => [], body => '', rest => '');

    if ($bytes !~ s{\A(HTTP/1\.[01]\ (\d{3})[^\r\n]*\r\n
                       ((?:[^\r\n]+\r\n)*))\r\n}{}x)
    {
        $response{body} = $bytes;
        $response{problem} = 'not an HTTP response';
        return \%response;
    }

    ($response{raw_headers}, $response{code}) = ($1, $2);
    my $lines = $3;

    push @{$response{headers}}, [$1, $2]
        while $lines =~ /^([^:\s]+)[ \t]*: ?(.*?)\r?$/mg;

    my $length = header(\%response, 'Content-Length');
    my $coding = header(\%response, 'Transfer-Encoding') // '';

    if ($is_head || $response{code} =~ /^(?:1..|204|304)$/) {
        $response{rest} = $bytes;

    } elsif (lc $coding eq 'chunked') {
        @response{qw(body rest problem)} = unchunk($bytes);

    } elsif (defined $length) {
        $response{body} = substr $bytes, 0, $length;
        $response{rest} = length $bytes > $length ? substr $bytes, $length : '';
        $response{problem} = "body cut after " . length($bytes) . " of $length"
            if length $bytes < $length;

    } else {
        $response{body} = $bytes;
    }

    return \%response;
}


sub unchunk {
    my ($bytes) = @_;
    my $body = '';

    while ($bytes =~ s/\A([0-9A-Fa-f]+)[^\r\n]*\r\n//) {
        my $size = hex $1;

        if ($size == 0) {
            return ($body, $bytes, undef) if $bytes =~ s/\A.*?\r\n//s;
            last;
        }

        last if length $bytes < $size + 2;
        $body .= substr $bytes, 0, $size;
        $bytes = substr $bytes, $size + 2;
    }

    return ($body, '', 'chunked body is cut or malformed');
}


# A header's value, several joined by ", "; undef when there is none.

sub header {
    my ($response, $name) = @_;

    my @values = map { $_->[1] }
                 grep { lc $_->[0] eq lc $name } @{$response->{headers}};

    return @values ? join(', ', @values) : undef;
}


1;
