# Health, as far as it needs no database: shapes, methods, names of checks.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

our $time = '20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z';
our $gb = '\d+\.\d\d';


# The document of /detailed.

sub detailed {
    my ($status, $services) = @_;

    return qr/^\{"status":"$status","timestamp":"$time","service":"leadgen","system":\{"cpu_percent":\d+\.\d\d,"memory":\{"total_gb":$gb,"available_gb":$gb,"used_percent":\d+\.\d\d,"status":"\w+"\},"disk":\{"total_gb":$gb,"free_gb":$gb,"used_percent":\d+\.\d\d,"status":"\w+"\}\},"services":\{$services\}\}$/;
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<'EOC')
    leadgen_zone leadgen:1m;
    leadgen_health_interval 100ms timeout=100ms;
EOC
        if !defined $block->http_config;
    $block->set_value(config => <<'EOC') if !defined $block->config;
    location /api/health { leadgen_health; }
EOC
});

run_tests();

__DATA__

=== TEST 1: nothing is configured
--- request
GET /api/health/detailed
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body eval
::detailed('healthy', CORE::join(',', map { qr/"$_":\{"status":"not_configured"\}/ } qw(database redis email workers)))



=== TEST 2: locations for one call each
--- config
    location = /api/health/detailed  { leadgen_health; }
    location /live/liveness  { leadgen_health; }
    location /readiness  { leadgen_health; }
    location /health  { leadgen_health; }
--- request eval
['GET /api/health/detailed', 'GET /live/liveness', 'GET /readiness', 'GET /readiness/spool', 'GET /health', 'GET /health/liveness', 'GET /readiness/detailed']
--- error_code eval
[(200) x 6, 404]
--- response_body_like eval
['"system"', 'alive', 'ready', '"spool":"ok"', '"healthy"', 'alive', '']



=== TEST 3: liveness
--- request eval
['GET /api/health/liveness', 'GET /api/health/liveness?x']
--- response_body eval
['{"status":"alive"}', '{"status":"alive"}']
--- response_headers eval
['Cache-Control: no-store', 'Cache-Control: no-store']



=== TEST 4: readiness
--- request eval
['GET /api/health/readiness', 'GET /api/health/readiness?verbose', 'GET /api/health/readiness?a=b&verbose=1', 'GET /api/health/readiness?verbosely']
--- response_body eval
my $all = '{"status":"ready","checks":{"serving":"ok","started":"ok","migrations":"ok","spool":"ok"}}';
['{"status":"ready","checks":{}}', $all, $all, '{"status":"ready","checks":{}}']



=== TEST 5: one check
--- request eval
['GET /api/health/readiness/spool', 'GET /api/health/readiness/serving?verbose']
--- response_body eval
['{"status":"ready","checks":{"spool":"ok"}}', '{"status":"ready","checks":{"serving":"ok"}}']



=== TEST 6: no such check, or not configured
--- request eval
['GET /api/health/readiness/nothing', 'GET /api/health/readiness/database', 'GET /api/health/readiness/', 'GET /api/health/readines', 'GET /api/health/readinessx', 'GET /api/health/detailed/', 'GET /api/health/x']
--- error_code eval
[(404) x 7]



=== TEST 7: HEAD
--- request eval
['HEAD /api/health', 'HEAD /api/health/detailed', 'HEAD /api/health/readiness', 'HEAD /api/health/liveness', 'HEAD /api/health/readiness/spool']
--- response_headers_like eval
[("Content-Length: \\d+\nCache-Control: no-store\n") x 5]
--- error_code eval
[(200) x 5]



=== TEST 8: nothing else than GET and HEAD
--- request eval
["POST /api/health/detailed\n{}", 'PUT /api/health/readiness', 'DELETE /api/health/liveness']
--- error_code eval
[(405) x 3]
--- response_headers eval
[('Allow: GET, HEAD') x 3]



=== TEST 9: a required database that is away at start
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_database "$TEST_NGINX_DATABASE";
    leadgen_health_interval 100ms timeout=100ms;
--- request eval
['GET /api/health', 'GET /api/health/detailed', 'GET /api/health/readiness', 'GET /api/health/readiness/database', 'GET /api/health/readiness/migrations', 'GET /api/health/liveness']
--- error_code eval
[200, 503, 503, 503, 503, 200]
--- response_body eval
[qr/"status":"healthy"/,
 ::detailed('unhealthy', qr/"database":\{"status":"unhealthy",("(checked_at|since)":"$::time",|"latency_ms":[0-9.]+,)*"error":"not (checked yet|reachable)"\},"redis":\{"status":"not_configured"\},.*/),
 qr/^\{"status":"not_ready","checks":\{"started":"waiting for a required service","migrations":"not known yet"\}\}$/,
 qr/^\{"status":"not_ready","checks":\{"database":"not (checked yet|reachable)"\}\}$/,
 qr/^\{"status":"not_ready","checks":\{"migrations":"not known yet"\}\}$/,
 qr/^\{"status":"alive"\}$/]



=== TEST 10: an optional database
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_database "$TEST_NGINX_DATABASE";
    leadgen_health_service database optional;
--- request eval
['GET /api/health/detailed', 'GET /api/health/readiness', 'GET /api/health/readiness/database']
--- error_code eval
[200, 200, 503]
--- response_body eval
[qr/"status":"degraded"/, qr/^\{"status":"ready","checks":\{\}\}$/, qr/not_ready/]



=== TEST 11: an optional database, and of revocations nothing was ever heard
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_database "$TEST_NGINX_DATABASE";
    leadgen_health_service database optional;
    leadgen_revocation_max_stale 15s deny;
--- request eval
['GET /api/health/readiness', 'GET /api/health/liveness']
--- error_code eval
[503, 200]
--- response_body eval
[qr/^\{"status":"not_ready","checks":\{"started":"waiting for revocations"\}\}$/, qr/alive/]



=== TEST 12: memory and disk against thresholds
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_health_thresholds warning=1% critical=100%;
--- request
GET /api/health/detailed
--- response_body_like chomp
"memory":\{.*"status":"(warning|healthy)"



=== TEST 13: metrics of services
--- http_config
    leadgen_zone leadgen:1m;
    leadgen_database "$TEST_NGINX_DATABASE";
--- config
    location /api/health { leadgen_health; }
    location = /metrics { leadgen_metrics; }
--- request
GET /metrics
--- response_body_like
# TYPE nginx_leadgen_ready gauge
nginx_leadgen_ready 0
# HELP nginx_leadgen_service_up [^\n]+
# TYPE nginx_leadgen_service_up gauge
nginx_leadgen_service_up\{service="database"\} 0
