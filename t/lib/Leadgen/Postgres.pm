package Leadgen::Postgres;

# A PostgreSQL cluster of a test's own: sockets in a temporary directory, the
# schema of this checkout, gone when the test ends.
#
#     our $reason;
#     BEGIN { $reason = Leadgen::Postgres::start(); }
#     use Test::Nginx::Socket $reason ? (skip_all => $reason) : 'no_plan';
#
# The gateway's connection string is then in $TEST_NGINX_DATABASE.  Blocks with
# --- wait go on once all events are in PostgreSQL: they have a location of
# Leadgen::Postgres::metrics() for that.

use strict;
use warnings;

use POSIX ();
use File::Temp qw(tempdir);

my ($dir, $bin, @as);


# Returns undef, or why there is no cluster.

sub start {
    ($bin) = grep { -x "$_/initdb" } glob('/usr/lib/postgresql/*/bin');
    return 'PostgreSQL is missing: apt-get install postgresql' if !$bin;

    # initdb refuses to run as root
    @as = $> == 0 ? qw(runuser -u postgres --) : ();

    $dir = tempdir('leadgen-postgres-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    chown +(getpwnam 'postgres')[2, 3], $dir if @as;

    run(@as, "$bin/initdb", '--pgdata', "$dir/data", '--username', 'owner',
        '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C.UTF-8',
        '--no-sync');

    # the server keeps the standard output: it must not be the test's
    run(@as, "$bin/pg_ctl", 'start', '--pgdata', "$dir/data", '--log',
        "$dir/log", '--silent', '--wait', '--options',
        "-c listen_addresses='' -c unix_socket_directories='$dir'"
        . ' -c fsync=off -c full_page_writes=off -c max_connections=40');

    run("$bin/createdb", '--host', $dir, '--username', 'owner', 'leadgen');
    run('sql/migrate', "host=$dir user=owner dbname=leadgen",
        '--gateway-role', 'gateway');

    $ENV{TEST_NGINX_DATABASE} = "host=$dir user=gateway dbname=leadgen";
    $Test::Nginx::Socket::has_settled = \&has_shipped;

    return undef;
}


# What says how many events there are; the audit log knows nothing of it.

sub metrics { return "location = /metrics { leadgen_metrics; }\n" }


sub has_shipped {
    my ($page) = Test::Nginx::Client::exchange(
        Test::Nginx::Socket::server_port(), "GET /metrics HTTP/1.0\r\n\r\n",
        10);
    my %events = $page =~ /^nginx_leadgen_events_total\{state="(\w+)"\} (\d+)/mg;

    return %events && $events{appended} == $events{shipped};
}


# The answer to SQL of the owner's role.

sub query {
    my ($sql) = @_;

    open my $psql, '-|', "$bin/psql", '--no-psqlrc', '--quiet', '--tuples-only',
        '--no-align', '--set', 'ON_ERROR_STOP=1', '--host', $dir, '--username',
        'owner', '--dbname', 'leadgen', '--command', $sql
        or die "could not run psql: $!\n";
    my $answer = do { local $/; <$psql> };
    close $psql or die "psql failed on: $sql\n";

    return $answer;
}


sub run {
    my (@command) = @_;

    my $pid = fork // die "could not fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/commands.log";
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    return if $? == 0;

    open my $log, '<', "$dir/commands.log";
    die "@command failed:\n", $log ? <$log> : '';
}


END {
    my $status = $?;
    run(@as, "$bin/pg_ctl", 'stop', '--pgdata', "$dir/data", '--mode',
        'immediate', '--silent') if $dir && -e "$dir/data/postmaster.pid";
    $? = $status;
}


1;
