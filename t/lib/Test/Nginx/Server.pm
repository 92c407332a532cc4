package Test::Nginx::Server;

# One nginx at a time, a child of the test: configuration sections of a test
# block go in, a listening server and its error log come out.

use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

our $port = $ENV{TEST_NGINX_PORT} || $ENV{TEST_NGINX_SERVER_PORT} || 1984;
our $binary = $ENV{TEST_NGINX_BINARY} || '/usr/sbin/nginx';
our $root = $ENV{TEST_NGINX_SERVROOT} || getcwd() . '/build/test/servroot';
our $patience = $ENV{TEST_NGINX_PATIENCE} || 10;

our $workers = 1;
our $master = 0;
our $log_level = 'debug';
our $root_location = 1;
our @env;

# Whether nginx, of that configuration, is to be asked yet, once it listens.
our $is_ready = sub { 1 };

my $pid;
my $configuration = '';


# What a test writes may name $TEST_NGINX_... of the environment.

sub expand {
    my ($text) = @_;

    return '' if !defined $text;

    $text =~ s{\$(TEST_NGINX_[A-Z0-9_]+)}{
        $ENV{$1} // die "$1 is not set in the environment\n"
    }ge;

    return $text;
}


sub write_file {
    my ($path, $text) = @_;

    make_path(dirname($path));
    open my $file, '>', $path or die "could not write $path: $!\n";
    print $file $text;
    close $file or die "could not write $path: $!\n";
}


# The user_files section: ">>> NAME" lines, each before its content; or a list of
# [ name => content ] from eval.

sub write_user_files {
    my ($block) = @_;
    my $files = $block->user_files;

    return if !defined $files;

    if (!ref $files) {
        my (undef, @parts) = split /^>>>[ \t]+(\S+)[ \t]*\n/m, $files;
        $files = [];
        push @$files, [splice @parts, 0, 2] while @parts;
    }

    for (@$files) {
        my ($name, $text) = @$_;
        write_file($name =~ m{^/} ? $name : "$root/html/$name", expand($text));
    }
}


sub configuration {
    my ($block) = @_;

    my ($main, $http, $config, $after) =
        map { expand(scalar $_) } scalar $block->main_config,
            scalar $block->http_config, scalar $block->config,
            scalar $block->post_main_config;
    my $level = $block->log_level // $log_level;
    chomp $level;

    my $user = $> == 0 ? 'user root;' : '';
    my $daemons = $master ? 'on' : 'off';
    my $env = join '', map { "env $_;\n" } @env;
    my $location = $root_location
        ? "location / {\n            root $root/html;\n"
          . "            index index.html index.htm;\n        }" : '';
    my $temporary = join "\n", map { "    ${_}_temp_path temp/$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);

    return <<"EOF";
worker_processes $workers;
master_process $daemons;
daemon off;
error_log $root/logs/error.log $level;
pid $root/logs/nginx.pid;
lock_file logs/nginx.lock;
$env
$main
http {
    access_log logs/access.log;
    default_type text/plain;
    keepalive_timeout 68;
$temporary
$http
    server {
        listen 127.0.0.1:$port;
        server_name localhost;
        client_max_body_size 30M;
$config
        $location
    }
}
$after
events {
    accept_mutex off;
    worker_connections 64;
}
$user
EOF
}


# Writes everything a block needs into a fresh directory.  What else is there is
# not touched: the directory may be somebody's by mistake.

sub prepare {
    my ($block) = @_;

    # logs and files of the block before must not be taken for this one's
    remove_tree(map { "$root/$_" } qw(conf html logs temp));
    # a socket of an nginx that was killed
    unlink grep { -S } glob "$root/*";
    my @left = glob "$root/*";
    die "@left: who left this in the server's root?\n" if @left;

    make_path(map { "$root/$_" } qw(conf html logs temp));
    write_file("$root/html/index.html",
               "<html><head><title>It works!</title></head>"
               . "<body>It works!</body></html>");
    write_user_files($block);
    $configuration = configuration($block);
    write_file("$root/conf/nginx.conf", $configuration);
}


sub connects {
    return defined IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1);
}


sub spawn {
    $pid = fork;
    die "could not fork: $!\n" if !defined $pid;
    return if $pid;

    setpgrp;
    open STDOUT, '>', "$root/logs/output.log";
    open STDERR, '>&', \*STDOUT;

    # the log of what is said before the configuration is read
    exec $binary, '-p', "$root/", '-c', 'conf/nginx.conf',
        '-e', 'logs/error.log'
        or POSIX::_exit(127);
}


# Returns undef when nginx listens, else what became of it.

sub start {
    my $deadline = time + $patience;

    return "something else listens on port $port already" if connects();

    spawn();

    while (time < $deadline) {
        if (waitpid($pid, WNOHANG) == $pid) {
            undef $pid;
            return ended($?);
        }

        # who has written its process id heeds signals
        last if -s "$root/logs/nginx.pid" && connects();

        sleep 0.003;
    }

    while (time < $deadline) {
        return undef if $is_ready->($configuration);

        sleep 0.003;
    }

    stop();
    return "it was not ready on port $port within $patience s";
}


# Waits for an nginx that shall not start.  Returns its wait status, or undef
# when it lives.

sub start_and_die {
    my $deadline = time + $patience;

    # who refuses to start frees nothing, and need not
    local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // '') . ':detect_leaks=0';
    spawn();

    while (time < $deadline) {
        if (waitpid($pid, WNOHANG) == $pid) {
            undef $pid;
            return $?;
        }

        last if connects();

        sleep 0.003;
    }

    stop();
    return undef;
}


sub ended {
    my ($status) = @_;

    return $status & 127 ? 'it was ended by signal ' . ($status & 127)
                         : 'it exited with code ' . ($status >> 8);
}


# Stops gracefully.  Returns undef, or what was wrong with its end.

sub stop {
    return undef if !defined $pid;

    my $child = $pid;
    undef $pid;

    my $deadline = time + $patience;
    my $tries = 0;
    while (time < $deadline) {
        if (waitpid($child, WNOHANG) == $child) {
            return $? == 0 ? undef : ended($?);
        }

        # a single process misses the one that comes just before it waits
        kill QUIT => $child if $tries++ % 50 == 0;
        sleep 0.002;
    }

    kill KILL => -$child;
    waitpid $child, 0;

    return "it did not end within $patience s after SIGQUIT";
}


# What error.log holds, or output.log, which has the standard error stream.

sub read_log {
    my ($name) = @_;

    open my $file, '<', "$root/logs/$name" or return '';
    local $/;

    return <$file> // '';
}


END {
    # a test that dies half way must not leave its nginx behind
    my $status = $?;
    stop();
    $? = $status;
}


1;
