# Sentry: what leadgen_sentry may say, and which trace the upstream is told.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $trace = '0123456789abcdef0123456789abcdef';
our $span = '00f067aa0ba902b7';

# nobody listens there: to discard
our $dsn = 'http://swordfish@127.0.0.1:9/7';

$ENV{LEADGEN_TEST_DSN} = $dsn;
$ENV{LEADGEN_TEST_NO_DSN} = '';

# "says" must stand in the error log, with the place; "sentry" is the line.
add_block_preprocessor(sub {
    my ($block) = @_;

    my $sentry = $block->sentry // 'leadgen_sentry env:LEADGEN_TEST_DSN;';

    $block->set_value(http_config => <<"EOC")
    leadgen_zone leadgen:1m;
    leadgen_jwt_key file:\$TEST_NGINX_KEY alg=HS256 kid=test;
    leadgen_spool \$TEST_NGINX_SPOOL size=4m;
    leadgen_database "\$TEST_NGINX_DATABASE";
    $sentry
    server {
        listen unix:\$TEST_NGINX_SERVER_ROOT/upstream.sock;
        leadgen_sentry off;
        location / {
            return 200 "\$http_sentry_trace|\$http_traceparent|\$http_baggage\\n";
        }
    }
EOC
        if !defined $block->http_config;
    $block->set_value(config => <<'EOC') if !defined $block->config;
    location /x {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;
    }
EOC
    if (defined $block->says) {
        my $says = $block->says;
        chomp $says;
        $block->set_value(must_die => '');
        $block->set_value(error_log => [
            qr/\[emerg\].*\Q$says\E.* in \S+:\d+$/]);
        $block->set_value(no_error_log => [qr/swordfish/i]);
    } elsif (!defined $block->request) {
        $block->set_value(request => 'GET /x');
        $block->set_value(no_error_log => ['[emerg]', $Leadgen::warning]);
    }
});

log_level('info');
run_tests();

__DATA__

=== TEST 1: all that may be said
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN environment=staging release=1.2.3 server_name=edge-1 sample_rate=0.5 traces_sample_rate=0 max_breadcrumbs=50 level=crit send_pii=on tag=region:eu tag=tier:2:b;
--- response_body_like chomp
^[0-9a-f]{32}-[0-9a-f]{16}\|



=== TEST 2: without a DSN it is off
--- sentry: leadgen_sentry env:LEADGEN_TEST_NO_DSN environment=env:LEADGEN_TEST_NOTHING;
--- response_body
||



=== TEST 3: a variable that is not set is no DSN, either
--- sentry: leadgen_sentry env:LEADGEN_TEST_NOTHING;
--- response_body
||



=== TEST 4: off
--- sentry: leadgen_sentry off;
--- response_body
||



=== TEST 5: an option that there is not
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN debug=on;
--- says: unknown option "debug=on": use environment=, release=, server_name=, sample_rate=, traces_sample_rate=, max_breadcrumbs=, level=, send_pii=, tag=, queue= or timeout=



=== TEST 6: a rate above 1
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN sample_rate=1.5;
--- says: "sample_rate=1.5" is not a rate from 0 to 1



=== TEST 7: no rate
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=often;
--- says: "traces_sample_rate=often" is not a rate from 0 to 1



=== TEST 8: too many breadcrumbs
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN max_breadcrumbs=101;
--- says: "max_breadcrumbs=101" is not a number from 0 to 100



=== TEST 9: an unknown level
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN level=debug;
--- says: "level=debug" is not a level: use emerg, alert, crit, error, warn or off



=== TEST 10: send_pii is on or off
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN send_pii=maybe;
--- says: "send_pii=maybe" is neither "on" nor "off"



=== TEST 11: a tag without a value
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN tag=region;
--- says: "tag=region" is not tag=KEY:VALUE



=== TEST 12: a tag whose key is none
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN "tag=a b:c";
--- says: "tag=a b:c" is not tag=KEY:VALUE



=== TEST 13: a text that is too long
--- sentry eval
"leadgen_sentry env:LEADGEN_TEST_DSN release=" . 'x' x 201 . ";"
--- says: is not one line of text of up to 200 bytes



=== TEST 14: twice
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN; leadgen_sentry off;
--- says: "leadgen_sentry" directive is duplicate



=== TEST 15: a DSN in a server
--- config
    leadgen_sentry env:LEADGEN_TEST_DSN;
--- says: in a server or location it can be "off" only



=== TEST 16: without a zone
--- http_config
    leadgen_sentry env:LEADGEN_TEST_DSN;
--- says: "leadgen_sentry" needs a "leadgen_zone" in http{}



=== TEST 17: without a spool
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_sentry env:LEADGEN_TEST_DSN;
--- says: "leadgen_sentry" needs a "leadgen_spool" in http{}



=== TEST 18: a trace that begins here has the id of the request
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN environment=test release=1.2;
--- config
    location /x {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;
        add_header X-Trace-Of $upstream_http_x_none;
    }
--- request
GET /x
--- response_body_like
^([0-9a-f]{32})-([0-9a-f]{16})\|00-\1-\2-00\|sentry-trace_id=\1,sentry-public_key=swordfish,sentry-environment=test,sentry-release=1.2$



=== TEST 19: sampled as the rate says
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1.0;
--- request
GET /x
--- response_body_like
^([0-9a-f]{32})-([0-9a-f]{16})-1\|00-\1-\2-01\|sentry-trace_id=\1,.*sentry-sampled=true$



=== TEST 20: a trace of somebody else goes on, with a span of ours
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=0.000001;
--- more_headers eval
"sentry-trace: $::trace-$::span-1
baggage: other=1,sentry-trace_id=$::trace,sentry-release=theirs"
--- request
GET /x
--- response_body_like eval
qr/^$::trace-(?!$::span)([0-9a-f]{16})-1\|00-$::trace-\1-01\|other=1,sentry-trace_id=$::trace,sentry-release=theirs$/



=== TEST 21: not sampled by a caller, not sampled here
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1;
--- more_headers eval
"sentry-trace: $::trace-$::span-0"
--- request
GET /x
--- response_body_like eval
qr/^$::trace-([0-9a-f]{16})-0\|00-$::trace-\1-00\|$/



=== TEST 22: a W3C parent, when there is no other
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=0.000001;
--- more_headers eval
"traceparent: 00-$::trace-$::span-01"
--- request
GET /x
--- response_body_like eval
qr/^$::trace-([0-9a-f]{16})-1\|00-$::trace-\1-01\|$/



=== TEST 23: headers that are malformed, or come twice, are replaced
--- sentry: leadgen_sentry env:LEADGEN_TEST_DSN traces_sample_rate=1;
--- more_headers eval
"sentry-trace: $::trace-$::span-7
Sentry-Trace: x
traceparent: 00-$::trace-$::span
baggage: a=1
Baggage: sentry-release=forged,b=2"
--- request
GET /x
--- response_body_like eval
qr/^(?!$::trace)([0-9a-f]{32})-([0-9a-f]{16})-1\|00-\1-\2-01\|a=1,b=2,sentry-trace_id=\1,(?!.*forged).*$/



=== TEST 24: where it is off headers pass as they are
--- config
    location /x {
        leadgen_sentry off;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/upstream.sock:;
    }
--- more_headers
sentry-trace: anything
baggage: a=1
--- request
GET /x
--- response_body
anything||a=1
