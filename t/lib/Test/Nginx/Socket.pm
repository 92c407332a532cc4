package Test::Nginx::Socket;

# Runs test blocks in the data format of OpenResty's Test::Nginx::Socket: the
# part of its documented sections that this project uses, on Debian's
# Test::Base.  Wherever perl finds the original, tests use that one.
#
# main_config http_config config post_main_config user_files log_level init
# request raw_request pipelined_requests more_headers timeout wait abort
# ignore_response error_code error_code_like response_headers
# response_headers_like raw_response_headers_like raw_response_headers_unlike
# response_body response_body_like response_body_unlike error_log no_error_log
# must_die ONLY SKIP LAST

use Test::Base -base;

use Test::Nginx::Client;
use Test::Nginx::Server;

our @EXPORT = qw(
    add_block_preprocessor add_cleanup_handler bail_out env_to_nginx html_dir
    log_level master_off master_on no_long_string no_root_location no_shuffle
    repeat_each run_tests server_port server_port_for_client server_root timeout
    workers
);

our @preprocessors;
our @cleanup_handlers;
our $repeat_each = $ENV{TEST_NGINX_REPEAT_EACH} || 1;
our $timeout = $ENV{TEST_NGINX_TIMEOUT} || 3;

$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();
$ENV{TEST_NGINX_SERVER_PORT} ||= server_port();
$ENV{TEST_NGINX_SERVER_ROOT} ||= server_root();


sub add_block_preprocessor { push @preprocessors, @_ }
sub add_cleanup_handler    { push @cleanup_handlers, @_ }
sub env_to_nginx           { push @Test::Nginx::Server::env, @_ }
sub html_dir               { "$Test::Nginx::Server::root/html" }
sub log_level              { $Test::Nginx::Server::log_level = shift }
sub master_on              { $Test::Nginx::Server::master = 1 }
sub master_off             { $Test::Nginx::Server::master = 0 }
sub no_root_location       { $Test::Nginx::Server::root_location = 0 }
sub server_root            { $Test::Nginx::Server::root }
sub server_port            { $Test::Nginx::Server::port }
sub server_port_for_client { $Test::Nginx::Server::port }

# Blocks run in their order anyway, and long strings are shown whole.
sub no_shuffle             { }
sub no_long_string         { }


sub repeat_each {
    $repeat_each = shift if @_;
    return $repeat_each;
}


sub timeout {
    $timeout = shift if @_;
    return $timeout;
}


sub workers {
    $Test::Nginx::Server::workers = shift if @_;
    return $Test::Nginx::Server::workers;
}


sub bail_out {
    Test::Nginx::Server::stop();
    Test::More->builder->BAIL_OUT(@_);
}


sub run_tests {
    for my $block (blocks()) {
        $_->($block) for @preprocessors;

        my $ok = eval { run_block($block); 1 };
        my $reason = $@;
        my $end = Test::Nginx::Server::stop();
        fail($block->name . " - nginx ended badly: $end") if defined $end;
        bail_out($reason) if !$ok;

        check_alarms($block);
    }

    $_->() for @cleanup_handlers;
}


sub run_block {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $code = $block->init)) {
        # the code of the block, as its author wrote it
        eval $code;    ## no critic
        die "$name - init failed: $@" if $@;
    }

    Test::Nginx::Server::prepare($block);

    if (defined $block->must_die) {
        run_must_die($block) for 1 .. $repeat_each;
        return;
    }

    my $reason = Test::Nginx::Server::start();
    if (defined $reason) {
        fail("$name - nginx did not start: $reason");
        explain($block);
        return;
    }

    run_requests($block) for 1 .. $repeat_each;
}


sub run_must_die {
    my ($block) = @_;
    my $name = $block->name;

    my $status = Test::Nginx::Server::start_and_die();
    my $want = $block->must_die;

    if (!defined $status) {
        fail("$name - nginx should not start, and did");

    } elsif ($status & 127) {
        fail("$name - nginx crashed: " . Test::Nginx::Server::ended($status));

    } elsif ($want =~ /^\s*(\d+)\s*$/) {
        is($status >> 8, $1, "$name - nginx exits with the code expected");

    } else {
        isnt($status >> 8, 0, "$name - nginx refuses to start");
    }

    check_error_log($block);
}


sub seconds {
    my ($text) = @_;

    return undef if !defined $text;
    return $1 / 1000 if $text =~ /^\s*([\d.]+)\s*ms\s*$/;
    return $1 if $text =~ /^\s*([\d.]+)\s*s?\s*$/;
    die "not a time: $text\n";
}


sub run_requests {
    my ($block) = @_;
    my $name = $block->name;

    my $limit = seconds(scalar $block->timeout) // $timeout;
    my $wait = seconds(scalar $block->wait);
    my @requests = Test::Nginx::Client::requests($block);
    my $total = 0;
    $total += $_->[1] for @requests;
    my $n = 0;

    for my $request (@requests) {
        my ($bytes, $responses, $is_head) = @$request;
        my ($got, $problem) = Test::Nginx::Client::exchange(
            server_port(), $bytes, $limit);

        if (defined $problem && !defined $block->abort) {
            fail("$name - request $n: $problem");
        }

        for (1 .. $responses) {
            if (!defined $block->ignore_response) {
                my $response = Test::Nginx::Client::parse($got, $is_head);
                check_response($block, $response, $n, $total > 1)
                    or explain($block, $got);
                $got = $response->{rest};
            }

            select undef, undef, undef, $wait if $wait;
            check_error_log($block);
            $n++;
        }
    }
}


# What a block expects of response number n: with several responses a list says
# it for each.

sub expected {
    my ($block, $section, $n, $several) = @_;

    my $value = $block->$section;
    return $value->[$n] if ref $value eq 'ARRAY';
    die $block->name . " - $section must be a list, as there are several "
        . "requests\n" if $several && defined $value;

    return $value;
}


sub check_response {
    my ($block, $response, $n, $several) = @_;
    my $name = $block->name . ($several ? " (response $n)" : '');
    my $held = 1;
    my $want = sub { scalar expected($block, $_[0], $n, $several) };

    if (defined $response->{problem} && !defined $block->abort) {
        $held &= fail("$name - $response->{problem}");
    }

    if (defined $block->error_code_like) {
        my $like = $want->('error_code_like');
        $held &= like($response->{code}, qr/$like/sm, "$name - status code");

    } else {
        my $code = $want->('error_code') // 200;
        $code =~ s/\s+//g;
        $held &= is($response->{code}, $code, "$name - status code");
    }

    for my $not ('', 'un') {
        my $like = $want->("raw_response_headers_${not}like");
        next if !defined $like;
        $held &= match($not, $response->{raw_headers}, qr/$like/s,
                       "$name - raw headers ${not}like");
    }

    $held &= check_headers($response, $want->('response_headers'), 0, $name);
    $held &= check_headers($response, $want->('response_headers_like'), 1,
                           $name);

    return $held & check_body($response, $want, $name);
}


sub match {
    my ($not, $got, $pattern, $name) = @_;

    return $not ? unlike($got, $pattern, $name) : like($got, $pattern, $name);
}


# Lines of "Name: value", or "! Name" for one that must not be there.

sub check_headers {
    my ($response, $lines, $is_pattern, $name) = @_;
    my $held = 1;

    for my $line (grep { /\S/ } split /\n/, $lines // '') {

        if ($line =~ /^\s*!\s*(\S+)/) {
            $held &= is(Test::Nginx::Client::header($response, $1), undef,
                        "$name - no header $1");
            next;
        }

        my ($key, $value) = split /:\s*/, $line, 2;
        $key =~ s/^\s+|\s+$//g;
        $value //= '';
        $value =~ s/\s+$//;
        $value =~ s/\$ServerPort\b/server_port()/ge;
        my $got = Test::Nginx::Client::header($response, $key) // '';

        $held &= $is_pattern ? like($got, qr/^$value$/, "$name - header $key")
                             : is($got, $value, "$name - header $key");
    }

    return $held;
}


sub check_body {
    my ($response, $want, $name) = @_;
    my $got = $response->{body};
    my $held = 1;

    my $body = $want->('response_body');
    if (defined $body) {
        $body =~ s/\$ServerPort\b/server_port()/ge if !ref $body;

        $held &= ref $body ? like($got, $body, "$name - body")
                           : is($got, $body, "$name - body");
    }

    for my $not ('', 'un') {
        my $pattern = $want->("response_body_${not}like");
        next if !defined $pattern;
        chomp $pattern if !ref $pattern;
        $held &= match($not, $got, qr/$pattern/s, "$name - body ${not}like");
    }

    return $held;
}


# The patterns of a log section: lines are plain text, or a list or regular
# expression by eval.

sub patterns {
    my ($value) = @_;

    return () if !defined $value;
    return map { ref $_ ? $_ : qr/\Q$_\E/ } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return map { qr/\Q$_\E/ } grep { $_ ne '' } split /\n+/, $value;
}


sub check_error_log {
    my ($block) = @_;
    my $name = $block->name;
    my $log = Test::Nginx::Server::error_log();
    my $held = 1;

    for my $pattern (patterns(scalar $block->error_log)) {
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

    for my $line (split /\n/, Test::Nginx::Server::error_log()) {
        next if $line !~ /\[alert\]|Sanitizer|runtime error:|Assertion /;
        next if $line =~ /\[alert\]/ && $asked =~ /alert/;

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
                  Test::Nginx::Server::error_log();
    splice @entries, 0, -20 if @entries > 20;
    diag(join '', "--- the end of error.log\n", @entries);
}


1;
