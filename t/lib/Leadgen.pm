package Leadgen;

# What test blocks of this module share: the module is loaded, keys and spool
# directories are made, and tokens are signed.
#
#     use FindBin;
#     BEGIN { push @INC, "$FindBin::Bin/lib"; }
#     use Test::Nginx::Socket 'no_plan';
#     use Leadgen;
#
# A block without http_config gets a zone, a key, a spool and a database that
# cannot be reached; one with http_config names them itself, by
# $TEST_NGINX_KEY, $TEST_NGINX_SPOOL (another one for each block) and
# $TEST_NGINX_DATABASE.  A file's own preprocessors run before, as the last one
# to be added is the first to run.  Tokens count though there is no database: a
# block that does not say otherwise gets "leadgen_revocation_max_stale 15s
# allow", and nginx is asked once the database has not answered.  Three sections
# are added:
#
# --- before                 code that runs before nginx starts (init: after)
# --- token: ROLE            sends an access token of somebody of that role
# --- token eval             or of anybody, {role => 'user', exp => 1},
#                            or for each request: ['admin', undef, 'user']

use strict;
use warnings;

use Cwd qw(getcwd);
use Digest::SHA qw(hmac_sha256);
use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use Test::Nginx::Socket ();

our @EXPORT = qw(token jws);

our $key = '4b1d0c8a6f2e9537b8d4a1c6e07f3952d6a8b4c0917e5f23ac60d98e1b745f3c';
our %user_ids = (admin => 1, manager => 2, user => 3);

# a warning that is not of the database's absence
our $warning = qr/\[warn\](?!.*leadgen: revocations:)/;

my $json = JSON::PP->new->canonical->utf8;
my $blocks = 0;

# as root the harness runs its workers as root, too: nobody else has to look
my $dir = tempdir('leadgen-test-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);

my $nobody = "host=$dir dbname=nobody-listens-here";

$ENV{TEST_NGINX_MODULE} ||= getcwd() . '/build/ngx_leadgen_module.so';
$ENV{TEST_NGINX_DATABASE} ||= $nobody;
$ENV{TEST_NGINX_KEY} = "$dir/jwt.key";
$ENV{TEST_NGINX_SPOOL} = "$dir/spool";
$ENV{TEST_NGINX_HTML_DIR} = Test::Nginx::Socket::html_dir();

{
    open my $file, '>', $ENV{TEST_NGINX_KEY} or die "could not write: $!\n";
    chmod 0600, $file;
    print $file $key;
    close $file;
}


# A token as the gateway would have issued it; named claims replace these, and
# undef leaves one out.

sub token {
    my %claims = @_;
    my $role = $claims{role} // 'user';
    my $now = time;

    %claims = (
        iss   => 'leadgen',
        sub   => '' . ($user_ids{$role} // 4),
        email => "$role\@example.com",
        role  => $role,
        sid   => '01890000-0000-7000-8000-000000000001',
        jti   => '01890000-0000-7000-8000-000000000002',
        iat   => $now,
        exp   => $now + 900,
        %claims);
    delete @claims{grep { !defined $claims{$_} } keys %claims};

    return jws({ alg => 'HS256', typ => 'JWT', kid => 'test' }, \%claims);
}


# Any header and payload (structures, or texts that stand as they are), signed.

sub jws {
    my ($header, $payload, $secret) = @_;

    my $text = join '.', map { encode_base64url(ref $_ ? $json->encode($_)
                                                       : $_) }
                         $header, $payload;

    return "$text." . encode_base64url(hmac_sha256($text, $secret // $key));
}


sub authorization {
    my ($who) = @_;

    return '' if !defined $who;
    $who =~ s/^\s+|\s+$//g if !ref $who;

    return 'Authorization: Bearer '
           . token(ref $who ? %$who : (role => $who)) . "\n";
}


# No token counts before revocations are known.  From a database that can't be
# reached they never will be: there tokens count where that is allowed, once it
# did not answer in time.

my $trusting = 'leadgen_revocation_max_stale 15s allow;';

sub trust {
    my ($http) = @_;

    return $http if $http !~ /\bleadgen_database\b/
                    || $http =~ /\bleadgen_revocation_max_stale\b/;

    $http =~ s/(leadgen_database "(?:\$TEST_NGINX_DATABASE|\Q$nobody\E)");/$1 timeout=10ms;/
        if $ENV{TEST_NGINX_DATABASE} eq $nobody;

    return "$http    $trusting\n";
}


sub is_ready {
    my ($configuration) = @_;

    return index($configuration, $trusting) == -1
           || Test::Nginx::Server::read_log('error.log')
              =~ /leadgen: revocations: (?:PostgreSQL does not answer|all are known)/;
}


sub prepare {
    my ($block) = @_;

    $ENV{TEST_NGINX_SPOOL} = "$dir/spool" . ++$blocks;

    if (defined(my $code = $block->before)) {
        # the code of the block, as its author wrote it
        eval $code;    ## no critic
        Test::Nginx::Socket::bail_out($block->name . " - before failed: $@")
            if $@;
    }

    my $main = $block->main_config;
    $block->set_value(main_config => "load_module $ENV{TEST_NGINX_MODULE};\n"
                                     . ($main // ''));

    if (!defined scalar $block->http_config) {
        $block->set_value(http_config => <<'EOF');
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE";
EOF
    }

    $block->set_value(http_config => trust(scalar $block->http_config));

    my $who = $block->token;
    return if !defined $who;

    my $more = $block->more_headers // '';
    if (ref $who eq 'ARRAY') {
        my $n = 0;
        $more = [map { authorization($_)
                       . ((ref $more ? $more->[$n++] : $more) // '') } @$who];
    } elsif (ref $more) {
        $more = [map { authorization($who) . $_ } @$more];
    } else {
        $more = authorization($who) . $more;
    }

    $block->set_value(more_headers => $more);
}


Test::Nginx::Socket::add_block_preprocessor(\&prepare);
$Test::Nginx::Server::is_ready = \&is_ready;


1;
