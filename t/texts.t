# Texts from outside: what becomes of each byte that could end a line, or show
# another text than there is, on its way into each protocol that is spoken here
# without a database.  t/e2e/test_texts.py has the others.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

use Digest::SHA 'hmac_sha256';
use MIME::Base64 'encode_base64url';

# controls, DEL, C1, controls of direction, separators of lines
our @hostile = map { chr } 0 .. 0x1f, 0x7f .. 0x9f, 0x202a .. 0x202e, 0x2066 .. 0x2069,
                   0x200e, 0x200f, 0x61c, 0x2028, 0x2029;
our @blank = map { chr } 0x20, 0xa0, 0x1680, 0x2000 .. 0x200d, 0x202f, 0x205f, 0x2060, 0x3000, 0xfeff;

# bytes that nginx lets through in a header
our @control = map { chr } 1 .. 8, 0xb, 0xc, 0xe .. 0x1f, 0x7f;

our $key = $ENV{LEADGEN_TEST_TRACKING} = '0123456789abcdef' x 4;
$ENV{LEADGEN_TEST_DSN} = 'http://public@127.0.0.1:1/7';

our $proxy = 'proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;';


# Each text in front of, within and behind a good one.

sub around {
    my ($good, @texts) = @_;

    return map { ("$_$good", substr($good, 0, 2) . $_ . substr($good, 2), "$good$_") } @texts;
}


# A token with such a claim.

sub with {
    my ($claim, $text) = @_;

    return Leadgen::token(role => 'user', sub => '3', email => 'zoe@example.com', $claim => $text);
}


# The path of a link that whoever has the key could sign.

sub path {
    my ($url) = @_;

    my $text = "\x01" . 'sixteen bytes id' . $url;

    return '/t/c/' . encode_base64url(substr(hmac_sha256("c$text", $::key), 0, 16) . $text);
}


add_block_preprocessor(sub {
    my ($block) = @_;

    my $more = $block->more // '';
    $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:\$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool \$TEST_NGINX_SPOOL size=4m;
    leadgen_database "\$TEST_NGINX_DATABASE";
    $more
    server {
        listen unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock;
        leadgen_sentry off;
        location / {
            return 200 "[\$http_x_user_email][\$http_x_user_role][\$http_baggage][\$http_sentry_trace]\\n";
        }
    }
EOC
    $block->set_value(config => <<"EOC");
    location /t/ { leadgen_track env:LEADGEN_TEST_TRACKING; }
    location /x { $::proxy }
    location /api/ {
        leadgen_policy {
            GET /api/me     authenticated;
            GET /api/leads  lead:read;
        }
        $::proxy
    }
EOC
    my $tokens = $block->tokens;
    if ($tokens) {
        $block->set_value(more_headers => [map { "Authorization: Bearer $_\n" } @$tokens]);
        $block->set_value(request => [('GET /api/me') x @$tokens]) if !defined $block->request;
    }

    my $headers = $block->headers;
    if ($headers) {
        $block->set_value(more_headers => $headers);
        $block->set_value(request => [('GET /x') x @$headers]);
    }

    my $n = @{$block->request};
    my $code = $block->error_code // 200;
    $block->set_value(error_code => [($code) x $n]) if !ref $code;
    for my $name (qw(response_body response_body_like)) {
        my $body = $block->$name;
        $block->set_value($name => [($body) x $n]) if defined $body && !ref $body;
    }
});

run_tests();

__DATA__

=== TEST 1: into X-User-Email, from a claim
--- tokens eval
[map { ::with(email => $_) } ::around('zoe@example.com', @::hostile)]
--- error_code: 401
--- response_body_like: token-invalid



=== TEST 2: into X-User-Role, from a claim
--- tokens eval
[map { ::with(role => $_) } ::around('admin', @::hostile)]
--- error_code: 401
--- response_body_like: token-invalid



=== TEST 3: blanks at the ends of either
--- tokens eval
[map { (::with(email => "${_}zoe\@example.com"), ::with(email => "zoe\@example.com$_"),
        ::with(role => "${_}admin"), ::with(role => "admin$_")) } @::blank]
--- error_code: 401
--- response_body_like: token-invalid



=== TEST 4: the length of either
--- tokens eval
[::with(email => 'x' x 255), ::with(role => 'x' x 65), ::with(email => chr(0xe4) x 128)]
--- error_code: 401
--- response_body_like: token-invalid



=== TEST 5: a request of one's own behind the address
--- tokens eval
[::with(email => "a\@b\r\n\r\nDELETE /api/campaigns/1 HTTP/1.1\r\nHost: x\r\nX-User-Id: 1\r\nX-User-Role: admin\r\n"),
 ::with(role => "x\r\nX-User-Id: 1"), ::with(role => "admin\r\n"), ::with(role => ' admin')]
--- error_code: 401
--- response_body_like: token-invalid



=== TEST 6: an address arrives so that decoding it once is always right
--- tokens eval
[map { ::with(email => $_) } 'zoe@example.com', "m\x{fc}ller\@b\x{fc}cher.example", '100%41@example.com',
 "\x{1f600}\@x", '%', 'a b"c@x', 'x' x 254, undef]
--- response_body eval
["[zoe\@example.com][user][][]\n", "[m%C3%BCller\@b%C3%BCcher.example][user][][]\n",
 "[100%2541\@example.com][user][][]\n", "[%F0%9F%98%80\@x][user][][]\n", "[%25][user][][]\n",
 "[a b\"c\@x][user][][]\n", '[' . 'x' x 254 . "][user][][]\n", "[][user][][]\n"]



=== TEST 7: a role that nobody knows is not sent on
--- tokens eval
[map { ::with(role => $_) } 'nosuch', 'Admin', 'ADMIN', 'admin,user', "adm\x{131}n", 'x' x 64, '', undef]
--- response_body_like: ^\[[a-z@.]*\]\[\]\[\]\[\]$



=== TEST 8: a role that nobody knows grants nothing
--- tokens eval
[map { ::with(role => $_) } 'nosuch', 'Admin', 'USER']
--- request eval
[('GET /api/leads') x 3]
--- error_code: 403
--- response_body_like: permission-missing



=== TEST 9: a role that is declared is sent on, and grants nothing
--- more: leadgen_role courier;
--- tokens eval
[(::with(role => 'courier')) x 2]
--- request eval
['GET /api/me', 'GET /api/leads']
--- error_code eval
[200, 403]
--- response_body_like eval
['\[courier\]', 'permission-missing']



=== TEST 10: into baggage, from a client: the header goes, others stay
--- more: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1;
--- headers eval
[map { "baggage: a=${_}1\nbaggage: b=2\n" } @::control]
--- response_body_like: ^\[\]\[\]\[b=2,sentry-trace_id=[!-~]*\]\[[0-9a-f]{32}-[0-9a-f]{16}-1\]$



=== TEST 11: a tab in baggage is a blank
--- more: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1;
--- headers eval
["baggage: a=1\t,\tb=2\n"]
--- response_body_like: ^\[\]\[\]\[a=1 ,b=2,sentry-trace_id=[!-~]*\]



=== TEST 12: into sentry-trace, from a client
--- more: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1;
--- headers eval
[map { "sentry-trace: " . 'b' x 32 . "-00f067aa0ba902b7-1$_\n" } @::control]
--- response_body_like: \[(?!b{32})[0-9a-f]{32}-[0-9a-f]{16}-1\]$



=== TEST 13: into Location, from a signed link
--- request eval
[map { my $text = $_; utf8::encode($text); 'GET ' . ::path("https://example.com/${text}x") } @::hostile, @::blank]
--- error_code: 404
--- response_headers eval
[('!Location') x (@::hostile + @::blank)]



=== TEST 14: into Location, what may
--- request eval
['GET ' . ::path('https://example.com/%0d%0aa?b=c')]
--- error_code: 302
--- response_headers eval
['Location: https://example.com/%0d%0aa?b=c']
