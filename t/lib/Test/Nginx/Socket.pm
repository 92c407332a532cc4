package Test::Nginx::Socket;

# Runs test blocks in the data format of OpenResty's Test::Nginx::Socket: the
# part of its documented sections that this project uses, on Debian's
# Test::Base.  Wherever perl finds the original, tests use that one, so what
# fails there fails here, too:
#
# - Preprocessors run last in, first out, before $TEST_NGINX_ names are replaced.
# - Code of init runs once nginx has started, and never with must_die.
# - env_to_nginx() writes "env" lines, which the workers see, not what reads the
#   configuration: that sees %ENV.
# - Blocks are shuffled, unless no_shuffle() or $TEST_NGINX_NO_SHUFFLE says not
#   to.  $TEST_NGINX_SEED repeats an order; a failure tells which it was.
# - A pattern that is a block keeps its last newline.
# - Each response is checked against what error.log got since the one before.
#
# What would go unseen there is refused here: a block without config, which would
# get what ran before it; a section that another one hides; a list that is not as
# long as the requests are many.
#
# main_config http_config config post_main_config user_files log_level init
# request raw_request pipelined_requests more_headers timeout wait abort
# ignore_response error_code error_code_like response_headers
# response_headers_like raw_response_headers_like raw_response_headers_unlike
# response_body response_body_like response_body_unlike error_log no_error_log
# must_die ONLY SKIP LAST

use Test::Base -base;

use List::Util qw(shuffle);
use Scalar::Util qw(looks_like_number);
use Time::HiRes qw(sleep time);

use Test::Nginx::Client;
use Test::Nginx::Log;
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
our $has_settled;
our $in_order = $ENV{TEST_NGINX_NO_SHUFFLE};
our $seed = $ENV{TEST_NGINX_SEED} // int(time) ^ $$;

# Of several such sections only the first is looked at.
our @hiding = (
    [qw(raw_request pipelined_requests request)],
    [qw(error_code_like error_code)],
    [qw(response_headers response_headers_like)],
    [qw(response_body response_body_like response_body_unlike)],
);
our @lists = map { ($_, "${_}_like") } qw(error_code response_headers
                                          raw_response_headers response_body);
push @lists, map { "${_}_unlike" } qw(raw_response_headers response_body);

$ENV{TEST_NGINX_SERVER_ROOT} = server_root();


sub add_block_preprocessor(&) { unshift @preprocessors, shift }
sub add_cleanup_handler($)    { unshift @cleanup_handlers, shift }
sub html_dir               { "$Test::Nginx::Server::root/html" }
sub log_level              { $Test::Nginx::Server::log_level = shift }
sub master_on              { $Test::Nginx::Server::master = 1 }
sub master_off             { $Test::Nginx::Server::master = 0 }
sub no_root_location       { $Test::Nginx::Server::root_location = 0 }
sub server_root            { $Test::Nginx::Server::root }
sub server_port            { $Test::Nginx::Server::port }
sub server_port_for_client { $Test::Nginx::Server::port }
sub no_shuffle             { $in_order = 1 }

# Long strings are shown whole.
sub no_long_string         { }


sub env_to_nginx {
    die "env_to_nginx: no arguments\n" if !@_;

    for (@_) {
        # upstream quotes what has blanks once more for each block
        die "env_to_nginx: not NAME or NAME=VALUE, or has blanks: $_\n"
            if !/^[A-Za-z_]/ || /\s/;
    }

    push @Test::Nginx::Server::env, @_;
}


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
    tell_seed();
    Test::More->builder->BAIL_OUT(@_);
}


sub tell_seed {
    diag("TEST_NGINX_SEED=$seed repeats this order of the blocks")
        if !$in_order;
}


sub run_tests {
    $ENV{TEST_NGINX_SERVER_PORT} ||= server_port();
    srand $seed;

    for my $block ($in_order ? blocks() : shuffle blocks()) {
        $_->($block) for @preprocessors;

        my $ok = eval { run_block($block); 1 };
        my $reason = $@;
        my $end = Test::Nginx::Server::stop();
        fail($block->name . " - nginx ended badly: $end") if defined $end;
        bail_out($reason) if !$ok;

        Test::Nginx::Log::check_alarms($block);
    }

    $_->() for @cleanup_handlers;
    tell_seed() if !Test::More->builder->is_passing;
}


sub run_block {
    my ($block) = @_;
    my $name = $block->name;

    check_sections($block);
    Test::Nginx::Server::prepare($block);
    Test::Nginx::Log::begin();

    if (defined $block->must_die) {
        run_must_die($block) for 1 .. $repeat_each;
        return;
    }

    my $reason = Test::Nginx::Server::start();
    if (defined $reason) {
        fail("$name - nginx did not start: $reason");
        Test::Nginx::Log::explain($block);
        return;
    }

    if (defined(my $code = $block->init)) {
        # the code of the block, as its author wrote it
        eval "package Test::Nginx::Util; $code";    ## no critic
        die "$name - init failed: $@" if $@;
    }

    for my $n (1 .. $repeat_each) {
        Test::Nginx::Server::write_user_files($block) if $n > 1;
        run_requests($block);
    }
}


sub check_sections {
    my ($block) = @_;
    my $name = $block->name;

    die "$name - no --- config section\n" if !defined scalar $block->config;

    for (@hiding) {
        my ($first, @hidden) = grep { defined scalar $block->$_ } @$_;
        die "$name - --- $first hides --- @hidden\n" if @hidden;
    }
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

    } elsif (looks_like_number($want)) {
        is($status >> 8, $want, "$name - nginx exits with the code expected");

    } else {
        isnt($status >> 8, 0, "$name - nginx refuses to start");
    }

    Test::Nginx::Log::check($block, 0);
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
    my $wait = $block->wait;
    die "$name - --- wait is no number of seconds: $wait\n"
        if defined $wait && !looks_like_number($wait);
    my @requests = Test::Nginx::Client::requests($block);
    my $total = 0;
    $total += $_->[1] for @requests;
    check_lists($block, $total);
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
                    or Test::Nginx::Log::explain($block, $got);
                $got = $response->{rest};
            }

            pause($wait) if $wait;
            Test::Nginx::Log::check($block, $limit);
            $n++;
        }
    }
}


# Until what a response brings about has happened, where a file says how that is
# known, or for so many seconds, as upstream does in any case.

sub pause {
    my ($seconds) = @_;

    return sleep $seconds if !$has_settled;

    my $deadline = time + $Test::Nginx::Server::patience;
    sleep 0.01 until $has_settled->() || time > $deadline;
}


# With several responses a list says what is expected of each.

sub check_lists {
    my ($block, $total) = @_;
    my $name = $block->name;

    for my $section (@lists) {
        my $value = $block->$section;
        next if !defined $value;

        if (ref $value eq 'ARRAY') {
            die "$name - --- $section must be a list of $total\n"
                if grep({ defined } @$value) != $total;

        } elsif ($total > 1) {
            die "$name - --- $section must be a list, as there are several "
                . "requests\n";
        }
    }
}


sub expected {
    my ($block, $section, $n) = @_;

    my $value = $block->$section;
    return ref $value eq 'ARRAY' ? $value->[$n] : $value;
}


sub check_response {
    my ($block, $response, $n, $several) = @_;
    my $name = $block->name . ($several ? " (response $n)" : '');
    my $held = 1;
    my $want = sub { scalar expected($block, $_[0], $n) };

    if (defined $response->{problem} && !defined $block->abort) {
        $held &= fail("$name - $response->{problem}");
    }

    if (defined $block->error_code_like) {
        my $like = $want->('error_code_like');
        $held &= like($response->{code}, qr/$like/sm, "$name - status code");

    } else {
        $held &= is($response->{code}, $want->('error_code') // 200,
                    "$name - status code");
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


# Lines of "Name: value", or "! Name" for one that must not be there.  Blanks at
# the end of a line here stand for nothing, those of a response count.

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
        $value = ports($value) if !$is_pattern;
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
        $held &= ref $body ? like($got, $body, "$name - body")
                           : is($got, ports($body), "$name - body");
    }

    for my $not ('', 'un') {
        my $pattern = $want->("response_body_${not}like");
        next if !defined $pattern;
        $pattern = ports($pattern);
        $held &= match($not, $got, qr/$pattern/s, "$name - body ${not}like");
    }

    return $held;
}


sub ports {
    my ($text) = @_;

    return $text =~ s/\$ServerPort(?:ForClient)?\b/server_port()/ger;
}


1;
