# Configuration: what is wrong is refused, with a sentence that names the place;
# what is right loads.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

use File::Temp ();

our $keys = File::Temp::tempdir(CLEANUP => 1);

for ('rsa:genpkey -algorithm RSA', 'weak:genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024',
     'ed:genpkey -algorithm ED25519', 'p384:genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384',
     'public:pkey -pubout -in ed', 'locked:pkey -aes128 -passout pass:x -in ed') {
    my ($name, $command) = /(\w+):(.*)/;
    system("cd $keys && openssl $command -out $name 2>/dev/null") == 0 or die "could not make a key\n";
}
$ENV{TEST_NGINX_KEYS} = $keys;

our $secret = 'swordfish-swordfish-swordfish-32';

for (['lined', "$secret\r\n\n", 0600], ['open', 'c0ffee0' x 10, 0604],
     ['spki', (join '', grep { !/-----/ } split /^/, do { local (@ARGV, $/) = "$keys/public"; <> }), 0600],
     ['bom', "\xef\xbb\xbf" . '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}', 0600])
{
    my ($name, $text, $mode) = @$_;
    open my $file, '>', "$keys/$name" or die "could not write: $!\n";
    chmod $mode, $file;
    print $file $text;
    close $file;
}

$ENV{LEADGEN_TEST_KEY} = $secret;
$ENV{LEADGEN_TEST_SHORT} = 'swordfish';
$ENV{LEADGEN_TEST_EMPTY} = '';
$ENV{LEADGEN_TEST_SMTP} = 'smtp://ann:swordfish@/';
$ENV{LEADGEN_TEST_URI} = 'postgresql://swordfish@/x';

# Sections of this file: "missing" names directives of http{} that are left out
# and "directive" adds one; "line" is a policy of one line, in "location".  What
# "says" says must stand in the error log, with the place; without it nginx must
# start, and what "warns" says must stand there.
our %directives = (
    zone     => 'leadgen_zone leadgen:1m;',
    jwt_key  => 'leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;',
    spool    => 'leadgen_spool $TEST_NGINX_SPOOL size=4m;',
    database => 'leadgen_database "$TEST_NGINX_DATABASE";',
);

add_block_preprocessor(sub {
    my ($block) = @_;

    my %lines = %directives;
    delete @lines{split ' ', $block->missing // ''};
    my $more = join '', map { "    $_\n" } @lines{sort keys %lines},
                                           $block->directive // '';

    $block->set_value(http_config => $more)
        if !defined $block->http_config;

    my $location = $block->location // '/api/';
    chomp $location;
    my $line = $block->line;

    $block->set_value(config => "    location $location {\n"
        . "        leadgen_policy {\n            $line\n        }\n    }\n")
        if defined $line;
    $block->set_value(config => '') if !defined $block->config;

    if (defined $block->says) {
        my $says = $block->says;
        chomp $says;
        $block->set_value(must_die => '');
        my $where = $block->where // ':';
        chomp $where;
        $block->set_value(error_log => [
            qr/\[emerg\].*\Q$says\E.* in \S+\Q$where\E\d*$/]);
        $block->set_value(no_error_log => [qr/swordfish/i]);
    } else {
        $block->set_value(request => 'GET /index.html');
        my $warns = $block->warns;
        chomp $warns if defined $warns;
        $block->set_value(error_log => [
            qr/\[warn\].*\Q$warns\E.* in \S+:\d+$/]) if defined $warns;
        $block->set_value(no_error_log => [
            '[emerg]', defined $warns ? () : $Leadgen::warning]);
    }
});

log_level('info');
run_tests();

__DATA__

=== TEST 1: a policy line without a grant
--- line: GET /api/x;
--- says: a policy line is METHOD PATH GRANT [OPTION...]



=== TEST 2: a policy line of one word
--- line: public;
--- says: a policy line is METHOD PATH GRANT [OPTION...]



=== TEST 3: an unknown method
--- line: FETCH /api/x public;
--- says: unknown method "FETCH": use GET (for HEAD, too), POST,



=== TEST 4: a method in lower case
--- line: get /api/x public;
--- says: unknown method "get": use GET



=== TEST 5: HEAD is GET's
--- line: HEAD /api/x public;
--- says: unknown method "HEAD": use GET (for HEAD, too)



=== TEST 6: no method between bars
--- line: GET||POST /api/x public;
--- says: unknown method ""



=== TEST 7: no method behind the bar
--- line: GET| /api/x public;
--- says: unknown method ""



=== TEST 8: a method twice
--- line: GET|POST|GET /api/x public;
--- says: method "GET" stands twice: once will do



=== TEST 9: a path that does not begin with a slash
--- line: GET api/x public;
--- says: path "api/x" does not begin with "/": write all of it



=== TEST 10: an empty segment
--- line: GET /api//x public;
--- says: path "/api//x" has an empty segment, which no request can have: take one "/" out



=== TEST 11: "**" before the end
--- line: GET /api/**/x public;
--- says: "**" in path "/api/**/x" must be the last segment



=== TEST 12: a star within a segment
--- line: GET /api/x* public;
--- says: segment "x*" of path "/api/x*": write a path decoded



=== TEST 13: one star
--- line: GET /api/* public;
--- says: segment "*" of path "/api/*": write a path decoded



=== TEST 14: an encoded byte
--- line: GET /api/%61 public;
--- says: segment "%61" of path "/api/%61": write a path decoded



=== TEST 15: a query
--- line: GET /api/x?y=1 public;
--- says: segment "x?y=1" of path



=== TEST 16: a parameter without a name
--- line: GET /api/:/x public;
--- says: ":" in path "/api/:/x" needs a name, such as ":id"



=== TEST 17: a parameter whose name is none
--- line: GET /api/:Id public;
--- says: ":Id" in path "/api/:Id": a name has a-z



=== TEST 18: a parameter twice
--- line: GET /api/:id/x/:id public;
--- says: ":id" stands twice in path "/api/:id/x/:id": give one of them another name



=== TEST 19: more parameters than there may be
--- line: GET /api/:a/:b/:c/:d/:e/:f/:g/:h/:i public;
--- says: has more than 8 names: end it with "**" before that



=== TEST 20: more segments than there may be
--- line: GET /api/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x public;
--- says: has more than 32 segments: end it with "**" before that



=== TEST 21: an unknown permission
--- line: GET /api/x campaign:reed;
--- says: unknown permission "campaign:reed": use public, authenticated, or some of campaign:create campaign:read



=== TEST 22: a permission in capitals
--- line: GET /api/x Campaign:read;
--- says: unknown permission "Campaign:read"



=== TEST 23: a pattern of permissions
--- line: GET /api/x campaign:*;
--- says: unknown permission "campaign:*"



=== TEST 24: an unknown role
--- line: GET /api/x role=admin|boss;
--- says: unknown role "boss": use admin, manager, user, or one of a leadgen_role



=== TEST 25: no role
--- line: GET /api/x role=;
--- says: unknown role ""



=== TEST 26: an unknown action
--- line: GET /api/x public audit=lead_stolen;
--- says: unknown audit action "lead_stolen": use one of login logout



=== TEST 27: no action
--- line: GET /api/x public audit=;
--- says: unknown audit action ""



=== TEST 28: an unknown option
--- line: GET /api/x public colour=red;
--- says: unknown option "colour=red" in a policy line: use role=, own=, ip=, audit=,



=== TEST 29: no resource
--- line: GET /api/x public resource=;
--- says: unknown option "resource="



=== TEST 30: public and something else
--- line: GET /api/x public campaign:read;
--- says: a policy line needs "public", or "authenticated", a permission or role=



=== TEST 31: public and authenticated
--- line: GET /api/x public authenticated;
--- says: a policy line needs "public", or



=== TEST 32: public and a role
--- line: GET /api/x role=admin public;
--- says: a policy line needs "public", or



=== TEST 33: an option, but no grant
--- line: GET /api/x audit=login;
--- says: a policy line needs "public", or



=== TEST 34: a duplicate route
--- config
    location /api/ {
        leadgen_policy {
            GET|POST /api/x/:id public;
            PUT|POST /api/x/:name authenticated;
        }
    }
--- says: route "PUT|POST /api/x/:name" is a duplicate of "/api/x/:id" in



=== TEST 35: a duplicate route, with "**"
--- config
    location /api/ {
        leadgen_policy {
            GET /api/** public;
            GET /api/** authenticated;
        }
    }
--- says: route "GET /api/**" is a duplicate of "/api/**" in



=== TEST 36: a route of another location
--- line: GET /other/x public;
--- says: route "/other/x" is unreachable: no such path comes to location "/api/", write it into the one that it comes to



=== TEST 37: a route above its location
--- line: GET /api public;
--- says: route "/api" is unreachable



=== TEST 38: a route beside a location of one path
--- location: = /api/x
--- line: GET /api/x/y public;
--- says: route "/api/x/y" is unreachable



=== TEST 39: an empty policy
--- line: 
--- says: an empty policy would deny everything: use "deny all" for that



=== TEST 40: two policies
--- config
    location /api/ {
        leadgen_policy { GET /api/x public; }
        leadgen_policy { GET /api/y public; }
    }
--- says: "leadgen_policy" directive is duplicate



=== TEST 41: a policy in a server
--- config
    leadgen_policy { GET /api/x public; }
--- says: "leadgen_policy" directive is not allowed here



=== TEST 42: a policy under a condition
--- config
    location /api/ {
        if ($arg_x) { leadgen_policy { GET /api/x public; } }
    }
--- says: "leadgen_policy" directive is not allowed here



=== TEST 43: a role with a name that is none
--- directive: leadgen_role Boss lead:read;
--- says: "Boss" is not a role's name



=== TEST 44: a role that begins with a digit
--- directive: leadgen_role 1st lead:read;
--- says: "1st" is not a role's name



=== TEST 45: a role with a long name
--- directive: leadgen_role xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx lead:read;
--- says: is not a role's name



=== TEST 46: a role that extends an unknown one
--- directive: leadgen_role boss extends=chief lead:read;
--- says: unknown role "chief": a role can extend one that stands before it



=== TEST 47: a role that extends a later one
--- directive: leadgen_role a extends=b; leadgen_role b lead:read;
--- says: unknown role "b"



=== TEST 48: a role that extends itself
--- directive: leadgen_role a extends=a;
--- says: unknown role "a"



=== TEST 49: a role with the unknown permission lead:steal
--- directive: leadgen_role boss lead:steal;
--- says: unknown permission "lead:steal": use "*", a category as "lead:*", or some of campaign:create



=== TEST 50: a role with the unknown permission lead*
--- directive: leadgen_role boss lead*;
--- says: unknown permission "lead*"



=== TEST 51: a role with the unknown permission lead:r*
--- directive: leadgen_role boss lead:r*;
--- says: unknown permission "lead:r*"



=== TEST 52: a role with the unknown permission *:read
--- directive: leadgen_role boss *:read;
--- says: unknown permission "*:read"



=== TEST 53: a role with the unknown permission **
--- directive: leadgen_role boss **;
--- says: unknown permission "**"



=== TEST 54: a role with the unknown permission lead:
--- directive: leadgen_role boss lead:;
--- says: unknown permission "lead:"



=== TEST 55: a role without a name
--- directive: leadgen_role;
--- says: invalid number of arguments in "leadgen_role" directive



=== TEST 56: a key in the configuration
--- missing: jwt_key
--- directive: leadgen_jwt_key swordfish-swordfish-swordfish-32;
--- says: a key does not belong into a configuration file: use file:PATH or env:NAME



=== TEST 57: a key that is too short
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_SHORT;
--- says: the secret has 9 bytes: HS256 needs 32 or more



=== TEST 58: a key of a variable that is not set
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_NONE;
--- says: environment variable "LEADGEN_TEST_NONE" is not set



=== TEST 59: a key of an empty variable
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_EMPTY;
--- says: environment variable "LEADGEN_TEST_EMPTY" is not set



=== TEST 60: a key of no file
--- missing: jwt_key
--- directive: leadgen_jwt_key file:/nonexistent/jwt.key;
--- says: could not open "/nonexistent/jwt.key" (2: No such file or directory)



=== TEST 61: a key of a directory
--- missing: jwt_key
--- directive: leadgen_jwt_key file:/;
--- says: could not read "/"



=== TEST 62: a key of an endless file
--- missing: jwt_key
--- directive: leadgen_jwt_key file:/dev/zero;
--- says: could not read "/dev/zero", or it has 65536 bytes or more



=== TEST 63: a key of an empty file
--- missing: jwt_key
--- directive: leadgen_jwt_key file:/dev/null;
--- says: the secret has 0 bytes: HS256 needs 32 or more



=== TEST 64: a key of algorithm none
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=none;
--- says: unknown algorithm "none" of a key: use HS256



=== TEST 65: a key of algorithm RS256
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=RS256;
--- says: a key of type HMAC is for HS256, not for RS256



=== TEST 66: a key of algorithm hs256
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=hs256;
--- says: unknown algorithm "hs256" of a key: use HS256



=== TEST 67: a key of algorithm HS2567
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=HS2567;
--- says: unknown algorithm "HS2567" of a key: use HS256



=== TEST 68: a key without its algorithm's name
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=;
--- says: "alg=" needs a value of 1 to 128 bytes



=== TEST 69: a key with a long kid
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY kid=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx;
--- says: needs a value of 1 to 128 bytes



=== TEST 70: a key with an unknown option
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY secret=x;
--- says: unknown option "secret=x" of a key



=== TEST 71: two keys of one kid
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=HS256 kid=test;
--- says: two keys with kid "test": each needs its own



=== TEST 72: two keys without kid
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=HS256; leadgen_jwt_key env:LEADGEN_TEST_KEY alg=HS256;
--- says: two keys for HS256 without kid: give each its own with kid=



=== TEST 73: a zone without a size
--- missing: zone
--- directive: leadgen_zone leadgen;
--- says: "leadgen" is not NAME:SIZE, such as leadgen:16m



=== TEST 74: a zone without a name
--- missing: zone
--- directive: leadgen_zone :1m;
--- says: ":1m" is not NAME:SIZE



=== TEST 75: a zone of a size that is none
--- missing: zone
--- directive: leadgen_zone leadgen:big;
--- says: "big" is not a size, such as 16m



=== TEST 76: a zone without its size
--- missing: zone
--- directive: leadgen_zone leadgen:;
--- says: "" is not a size



=== TEST 77: a zone that is too small
--- missing: zone
--- directive: leadgen_zone leadgen:8k;
--- says: zone "leadgen" is too small: it needs 65536 bytes at least



=== TEST 78: two zones
--- directive: leadgen_zone other:1m;
--- says: "leadgen_zone" directive is duplicate



=== TEST 79: two databases
--- directive: leadgen_database "host=/tmp";
--- says: "leadgen_database" directive is duplicate



=== TEST 80: a database of a variable that is not set
--- missing: database
--- directive: leadgen_database env:LEADGEN_TEST_NONE;
--- says: environment variable "LEADGEN_TEST_NONE" is not set



=== TEST 81: a database that is none
--- missing: database
--- directive: leadgen_database "swordfish";
--- says: "leadgen_database" is neither a PostgreSQL URI nor keyword=value pairs



=== TEST 82: a database URI that is none
--- missing: database
--- directive: leadgen_database "postgresql://user:swordfish@[x/y";
--- says: "leadgen_database" is neither a PostgreSQL URI



=== TEST 83: a database by a service\'s name
--- missing: database
--- directive: leadgen_database "service=swordfish";
--- says: "leadgen_database" has a service, whose file would be read



=== TEST 84: a Redis server that is none
--- directive: leadgen_redis "127.0.0.1:swordfish";
--- says: "leadgen_redis" does not begin with redis:// or unix://



=== TEST 85: two Redis servers
--- directive: leadgen_redis redis://127.0.0.1; leadgen_redis redis://127.0.0.2;
--- says: "leadgen_redis" directive is duplicate



=== TEST 86: a bad option beside a password
--- missing: database
--- directive: leadgen_database "postgresql://u:swordfish@/x" connections=none;
--- says: "connections=none" is not a number



=== TEST 87: a database with "0" connections
--- missing: database
--- directive: leadgen_database "host=/tmp" connections=0;
--- says: "connections=0" is not a number from 1 to 64



=== TEST 88: a database with "65" connections
--- missing: database
--- directive: leadgen_database "host=/tmp" connections=65;
--- says: "connections=65" is not a number from 1 to 64



=== TEST 89: a database with "x" connections
--- missing: database
--- directive: leadgen_database "host=/tmp" connections=x;
--- says: "connections=x" is not a number from 1 to 64



=== TEST 90: a database with "-1" connections
--- missing: database
--- directive: leadgen_database "host=/tmp" connections=-1;
--- says: "connections=-1" is not a number from 1 to 64



=== TEST 91: a database with "" connections
--- missing: database
--- directive: leadgen_database "host=/tmp" connections=;
--- says: unknown option "connections="



=== TEST 92: a database with a timeout of 5ms
--- missing: database
--- directive: leadgen_database "host=/tmp" timeout=5ms;
--- says: "timeout=5ms" is not a time of 10ms or more



=== TEST 93: a database with a timeout of x
--- missing: database
--- directive: leadgen_database "host=/tmp" timeout=x;
--- says: "timeout=x" is not a time of 10ms or more



=== TEST 94: a database with a timeout of 0
--- missing: database
--- directive: leadgen_database "host=/tmp" timeout=0;
--- says: "timeout=0" is not a time of 10ms or more



=== TEST 95: a database with an unknown option
--- missing: database
--- directive: leadgen_database "host=/tmp" pool=4;
--- says: unknown option "pool=4": use connections= or timeout=



=== TEST 96: a Redis with an unknown option
--- directive: leadgen_redis redis://127.0.0.1:6379/0 db=4;
--- says: unknown option "db=4": use connections= or timeout=



=== TEST 97: a Redis of a variable that is not set
--- directive: leadgen_redis env:LEADGEN_TEST_NONE;
--- says: environment variable "LEADGEN_TEST_NONE" is not set



=== TEST 98: two spools
--- directive: leadgen_spool $TEST_NGINX_SPOOL;
--- says: "leadgen_spool" directive is duplicate



=== TEST 99: a spool of size "1023k"
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL size=1023k;
--- says: "size=1023k" is not a size of 1m or more



=== TEST 100: a spool of size "big"
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL size=big;
--- says: "size=big" is not a size of 1m or more



=== TEST 101: a spool of size "-1"
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL size=-1;
--- says: "size=-1" is not a size of 1m or more



=== TEST 102: a spool of size ""
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL size=;
--- says: unknown option "size="



=== TEST 103: a spool with fsync=on
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=on;
--- says: unknown option "fsync=on": use size=, fsync=off, fsync=always or fsync=TIME



=== TEST 104: a spool with fsync=0
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=0;
--- says: unknown option "fsync=0": use size=, fsync=off, fsync=always or fsync=TIME



=== TEST 105: a spool with fsync=
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=;
--- says: unknown option "fsync=": use size=, fsync=off, fsync=always or fsync=TIME



=== TEST 106: a spool with sync=off
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL sync=off;
--- says: unknown option "sync=off": use size=, fsync=off, fsync=always or fsync=TIME



=== TEST 107: a spool with fsync=-1s
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=-1s;
--- says: unknown option "fsync=-1s": use size=, fsync=off, fsync=always or fsync=TIME



=== TEST 108: a spool below no directory
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL/a/b;
--- says: can't be made: the directory above it does not exist



=== TEST 109: a spool that is a file
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_KEY;
--- says: is not a directory



=== TEST 110: a spool that is a symbolic link
--- missing: spool
--- before
symlink '/tmp', "$ENV{TEST_NGINX_SPOOL}.link" or die;
--- directive: leadgen_spool $TEST_NGINX_SPOOL.link;
--- says: is a symbolic link: name the directory itself



=== TEST 111: a spool that others may read
--- missing: spool
--- before
mkdir $ENV{TEST_NGINX_SPOOL}; chmod 0750, $ENV{TEST_NGINX_SPOOL} or die;
# whom workers of root's run as until a line after http{} says otherwise
chown scalar getpwnam('nobody'), -1, $ENV{TEST_NGINX_SPOOL};
--- directive: leadgen_spool $TEST_NGINX_SPOOL;
--- says: must have mode 0700, as it holds personal data: chmod it



=== TEST 112: a policy without a zone
--- missing: zone spool
--- line: GET /api/x campaign:read;
--- says: "leadgen_policy" needs a "leadgen_zone" in http{}



=== TEST 113: a spool without a zone
--- missing: zone
--- says: "leadgen_spool" needs a "leadgen_zone" in http{}



=== TEST 114: a spool without a database
--- missing: database
--- says: "leadgen_spool" needs a "leadgen_database" in http{}



=== TEST 115: a grant without a key
--- missing: jwt_key
--- line: GET /api/x authenticated;
--- says: needs a "leadgen_jwt_key" in http{}



=== TEST 116: an action without a spool
--- missing: spool
--- line: GET /api/x public audit=lead_exported;
--- says: needs a "leadgen_spool" in http{}



=== TEST 117: the API without a zone
--- missing: zone spool
--- config
    location /api/ { leadgen_api; }
--- says: "leadgen_api" needs a "leadgen_zone" in http{}



=== TEST 118: the API without a jwt_key
--- missing: jwt_key
--- config
    location /api/ { leadgen_api; }
--- says: "leadgen_api" needs a "leadgen_jwt_key" in http{}



=== TEST 119: the API without a database
--- missing: database spool
--- config
    location /api/ { leadgen_api; }
--- says: "leadgen_api" needs a "leadgen_database" in http{}



=== TEST 120: the API without a spool
--- missing: spool
--- config
    location /api/ { leadgen_api; }
--- says: "leadgen_api" needs a "leadgen_spool" in http{}



=== TEST 121: health without a zone
--- missing: zone spool
--- config
    location /health { leadgen_health; }
--- says: "leadgen_health" needs a "leadgen_zone" in http{}



=== TEST 122: an audit mode without a spool
--- missing: spool
--- config
    leadgen_audit all;
--- says: "leadgen_audit" needs a "leadgen_spool" in http{}



=== TEST 123: an unknown audit mode
--- config
    leadgen_audit some;
--- says: invalid value "some"



=== TEST 124: the API twice
--- config
    location /api/ { leadgen_api; leadgen_api; }
--- says: "leadgen_api" directive is duplicate



=== TEST 125: a strictness that is none
--- config
    leadgen_path_strict maybe;
--- says: invalid value "maybe" in "leadgen_path_strict" directive



=== TEST 126: two names of the service
--- directive: leadgen_service a; leadgen_service b;
--- says: "leadgen_service" directive is duplicate



=== TEST 127: line ends do not make a key longer
--- missing: jwt_key
--- user_files eval
[['jwt.key' => 'swordfish' . "\n" x 40]]
--- directive: leadgen_jwt_key file:$TEST_NGINX_HTML_DIR/jwt.key;
--- says: the secret has 9 bytes



=== TEST 128: the place is said, also of what is included
--- config
    location /api/ { leadgen_policy { include $TEST_NGINX_SERVER_ROOT/html/policy.conf; } }
--- user_files
>>> policy.conf
# one
GET /api/x public;
GET /api/y campaign:reed;
--- says: unknown permission "campaign:reed"
--- where: html/policy.conf:3



=== TEST 129: the place is said, also of what is found out at the end
--- config
    location /api/ { leadgen_policy { include $TEST_NGINX_SERVER_ROOT/html/policy.conf; } }
--- user_files
>>> policy.conf
GET /api/x public;
GET /api/y role=boss;
--- says: unknown role "boss"
--- where: html/policy.conf:2



=== TEST 130: the module loaded, and nothing configured
--- http_config



=== TEST 131: only health
--- missing: jwt_key spool database
--- config
    location /api/health { leadgen_health; }



=== TEST 132: a public policy needs no key and no database
--- missing: jwt_key spool database
--- line: GET /api/x public;



=== TEST 133: all of the documents
--- http_config
    leadgen_zone      leadgen:16m;
    leadgen_database  env:LEADGEN_TEST_URI connections=4 timeout=2s;
    leadgen_redis     redis://127.0.0.1:6379/0 timeout=500ms;
    leadgen_jwt_key   file:$TEST_NGINX_KEY alg=HS256 kid=2024;
    leadgen_jwt_key   env:LEADGEN_TEST_KEY alg=HS256 kid=2023 issuer=leadgen audience=api;
    leadgen_spool     $TEST_NGINX_SPOOL size=1g fsync=off;
    leadgen_service   leadgen-backend;
    leadgen_role      analyst extends=user analytics:export;
    leadgen_role      auditor extends=analyst system:*;
    leadgen_role      user *;
    leadgen_role      guest-2_b extends=user;
    leadgen_role      courier;
    leadgen_audit     refused;
--- config
    location /api/health   { leadgen_health; }
    location /api/auth     { leadgen_api; }
    location /api/admin    { leadgen_api; }
    location /api/jobs     { leadgen_api; }
    location /api/ {
        leadgen_policy {
            # method  path                          grant              options
            GET       /api/campaigns                campaign:read;
            POST      /api/campaigns                campaign:create    audit=campaign_created   resource=campaign;
            PUT|PATCH /api/campaigns/:id            campaign:update    audit=campaign_updated   resource=campaign;
            DELETE    /api/campaigns/:id            campaign:delete    audit=campaign_deleted   resource=campaign;
            POST      /api/campaigns/:id/publish    campaign:publish   audit=campaign_published resource=campaign;
            GET       /api/leads/export             lead:export        audit=lead_exported      resource=lead;
            GET       /api/public/**                public;
            GET       /api/profile                  authenticated;
            GET       /api/settings                 role=admin|auditor system:settings;
        }
        proxy_pass http://127.0.0.1:9;
    }



=== TEST 134: routes that look alike and are not
--- config
    location /api/ {
        leadgen_policy {
            GET    /api/       public;
            GET    /api/x      public;
            GET    /api/x/     public;
            POST   /api/x      authenticated;
            GET    /api/:x     authenticated;
            GET    /api/x/:id  authenticated;
            GET    /api/:x/y   authenticated;
            GET    /api/**     authenticated;
            GET    /api/x/**   authenticated;
            PUT|PATCH|DELETE|OPTIONS /api/x authenticated;
            GET    "/api/a b"  public;
            GET    /api/ä public;
        }
    }



=== TEST 135: policies in locations of each kind
--- config
    location = /api/x { leadgen_policy { GET /api/x public; } }
    location ^~ /api/y { leadgen_policy { GET /api/y public; GET /api/y/z public; GET /:any/y public; } }
    location ~ ^/re { leadgen_policy { GET /re public; GET /anything public; } }
    location @named { leadgen_policy { GET /anything public; } }
    location /outer/ {
        leadgen_policy { GET /outer/** authenticated; }
        leadgen_path_strict off;
        location /outer/inner/ { leadgen_audit all; leadgen_path_strict on; }
        location /outer/own/ { leadgen_policy { GET /outer/own/x public; } }
    }



=== TEST 136: a spool with no options
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL ;



=== TEST 137: a spool with fsync=off
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=off;



=== TEST 138: a spool with fsync=always
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=always;



=== TEST 139: a spool with fsync=100ms
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL fsync=100ms;



=== TEST 140: a spool with size=1m fsync=1s
--- missing: spool
--- directive: leadgen_spool $TEST_NGINX_SPOOL size=1m fsync=1s;



=== TEST 141: a key of exactly 32 bytes
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY alg=HS256;



=== TEST 142: line ends behind a key in a file do not count
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/lined alg=HS256;



=== TEST 143: a private RSA key
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/rsa alg=RS256 kid=a;



=== TEST 144: a private Ed25519 key
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/ed;



=== TEST 145: a public key where tokens are only verified
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public;
--- line: GET /api/x authenticated;



=== TEST 146: a public key before a secret, where tokens are signed
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public; leadgen_jwt_key file:$TEST_NGINX_KEY;
--- config
    location /api/auth { leadgen_api; }



=== TEST 147: a public key alone, where tokens are signed
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public;
--- config
    location /api/auth { leadgen_api; }
--- says: "leadgen_api" needs a "leadgen_jwt_key with a secret or a private key" in http{}



=== TEST 148: an RSA key of 1024 bits
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/weak;
--- says: the RSA key has 1024 bits: RS256 needs 2048 to 4096



=== TEST 149: an EC key on another curve
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/p384;
--- says: the EC key is on another curve than P-256: make one with



=== TEST 150: an encrypted key
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/locked;
--- says: the PEM key is encrypted: decrypt it with



=== TEST 151: an algorithm that is not the key's
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/rsa alg=ES256;
--- says: a key of type RSA is for RS256, not for ES256: leave out alg=



=== TEST 152: a public key as a secret
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public alg=HS256;
--- says: a key of type ED25519 is for EdDSA, not for HS256



=== TEST 153: a map to a role that is known
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public role_map=a:admin,b:clerk; leadgen_role clerk lead:read;



=== TEST 154: a map to a role that is not
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public role_map=a:admin,b:boss;
--- says: unknown role "boss" of role_map=



=== TEST 155: a map that is none
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public role_map=admin;
--- says: "role_map=admin" is not FROM:TO[,FROM:TO...]



=== TEST 156: smtp that is no URL
--- directive: leadgen_smtp mail;
--- says: "leadgen_smtp" is not smtp://



=== TEST 157: smtp of another scheme
--- directive: leadgen_smtp http://ann:swordfish@mail/;
--- says: "leadgen_smtp" does not begin with smtp:// or smtps://



=== TEST 158: smtp with a path
--- directive: leadgen_smtp smtp://ann:swordfish@mail/x;
--- says: "leadgen_smtp" has more than user, password, host and port



=== TEST 159: smtp with a user alone
--- directive: leadgen_smtp smtp://swordfish@mail;
--- says: "leadgen_smtp" has a user without password



=== TEST 160: smtp without host, from the environment
--- directive: leadgen_smtp env:LEADGEN_TEST_SMTP;
--- says: "leadgen_smtp" is not smtp://



=== TEST 161: smtp of an unset variable
--- directive: leadgen_smtp env:LEADGEN_TEST_NONE;
--- says: environment variable "LEADGEN_TEST_NONE" is not set



=== TEST 162: smtp with a sender that is none
--- directive: leadgen_smtp smtp://mail from=leadgen;
--- says: sender "leadgen" has not one @: use from=ADDRESS



=== TEST 163: smtp with a sender that brings a header
--- directive: leadgen_smtp smtp://mail "from=a@b\tc";
--- says:  is not printable: use from=ADDRESS



=== TEST 164: smtp with a timeout that is none
--- directive: leadgen_smtp smtp://mail timeout=soon;
--- says: "timeout=soon" is not a time from 100ms to 45s



=== TEST 165: smtp with a timeout beyond the lease
--- directive: leadgen_smtp smtp://mail timeout=46s;
--- says: "timeout=46s" is not a time from 100ms to 45s



=== TEST 166: smtp with another option
--- directive: leadgen_smtp smtp://mail links=2;
--- says: unknown option "links=2": use from= or timeout=



=== TEST 167: smtp twice
--- directive: leadgen_smtp smtp://mail; leadgen_smtp smtp://mail;
--- says: "leadgen_smtp" directive is duplicate



=== TEST 168: a public URL without scheme
--- directive: leadgen_public_url example.com;
--- says: "leadgen_public_url" directive is not http://HOST[:PORT][/PATH], or https



=== TEST 169: a public URL of another scheme
--- directive: leadgen_public_url ftp://example.com;
--- says: "leadgen_public_url" directive is not http://



=== TEST 170: a public URL without host
--- directive: leadgen_public_url https:///x;
--- says: "leadgen_public_url" directive is not http://



=== TEST 171: a public URL of a scheme alone
--- directive: leadgen_public_url https://;
--- says: "leadgen_public_url" directive is not http://



=== TEST 172: a public URL with a query
--- directive: leadgen_public_url https://example.com/?x;
--- says: "leadgen_public_url" directive has characters



=== TEST 173: a public URL with a space
--- directive: leadgen_public_url "https://example.com/ x";
--- says: "leadgen_public_url" directive has characters



=== TEST 174: a public URL twice
--- directive: leadgen_public_url http://a; leadgen_public_url http://a;
--- says: "leadgen_public_url" directive is duplicate



=== TEST 175: smtp without a database
--- missing: spool database
--- directive: leadgen_smtp smtp://mail from=a@b;
--- says: "leadgen_smtp" needs a "leadgen_database" in http{}



=== TEST 176: smtp with all its options
--- directive: leadgen_smtp smtps://ann%40example.com:s%2Fx@127.0.0.1:465 from=leadgen@example.com timeout=45s;



=== TEST 177: smtp without a sender, and a public URL
--- directive: leadgen_smtp smtp://127.0.0.1:9; leadgen_public_url https://example.com:8443/x//;



=== TEST 178: modes of the audit log
--- line: GET /api/a public audit=lead_exported audit_mode=normal; PUT /api/a public audit_mode=best_effort audit=lead_updated; POST /api/a public audit=lead_created audit_mode=strict;



=== TEST 179: an unknown mode
--- line: GET /api/a public audit=lead_exported audit_mode=lazy;
--- says: "audit_mode=lazy" is none of strict, normal and best_effort



=== TEST 180: a mode of what is not recorded
--- line: GET /api/a public audit_mode=normal;
--- says: audit_mode=, capture= and job= are of use with audit= only



=== TEST 181: a key whose tokens live for a day
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEY max_age=1d;



=== TEST 182: longer than revocations are remembered
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEY max_age=25h;
--- says: "max_age=25h" is not a time from 15m to 1d



=== TEST 183: less than our own tokens live
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEY max_age=14m;
--- says: "max_age=14m" is not a time from 15m to 1d



=== TEST 184: an age that is no time
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEY max_age=old;
--- says: "max_age=old" is not a time from 15m to 1d



=== TEST 185: metrics without a zone
--- missing: zone spool
--- config
    location = /metrics { leadgen_metrics; }
--- says: "leadgen_metrics" needs a "leadgen_zone" in http{}



=== TEST 186: the smallest zone
--- missing: zone
--- directive: leadgen_zone leadgen:64k;



=== TEST 187: fields of bodies
--- line: POST /api/a public audit=lead_created capture=request:/name capture=request:/a~1b/0/c capture=response:/id;



=== TEST 188: a field of neither body
--- line: POST /api/a public audit=lead_created capture=/name;
--- says: "capture=/name" is neither request:POINTER nor response:POINTER



=== TEST 189: what is no JSON pointer
--- line: POST /api/a public audit=lead_created capture=request:name;
--- says: "name" is not the JSON pointer of a field, such as /name, of 128 bytes at most



=== TEST 190: a whole document
--- line: POST /api/a public audit=lead_created capture=request:/;
--- says: "/" is not the JSON pointer of a field



=== TEST 191: a JSON pointer with a stray tilde
--- line: POST /api/a public audit=lead_created capture=request:/a~2;
--- says: "/a~2" is not the JSON pointer of a field



=== TEST 192: a field that looks like a secret
--- line: POST /api/a public audit=lead_created capture=request:/password;
--- says: "/password" looks like a secret, which has no place in the audit log



=== TEST 193: a field that looks like a secret
--- line: POST /api/a public audit=lead_created capture=request:/user/newPassword;
--- says: "/user/newPassword" looks like a secret, which has no place in the audit log



=== TEST 194: a field that looks like a secret
--- line: POST /api/a public audit=lead_created capture=request:/API_KEY;
--- says: "/API_KEY" looks like a secret, which has no place in the audit log



=== TEST 195: a field that looks like a secret
--- line: POST /api/a public audit=lead_created capture=request:/a/access-token;
--- says: "/a/access-token" looks like a secret, which has no place in the audit log



=== TEST 196: a field that looks like a secret
--- line: POST /api/a public audit=lead_created capture=request:/pin;
--- says: "/pin" looks like a secret, which has no place in the audit log



=== TEST 197: more fields than eight
--- line: POST /api/a public audit=lead_created capture=request:/f0 capture=request:/f1 capture=request:/f2 capture=request:/f3 capture=request:/f4 capture=request:/f5 capture=request:/f6 capture=request:/f7 capture=request:/f8;
--- says: a route captures 8 fields at most



=== TEST 198: a field of what is not recorded
--- line: POST /api/a public capture=request:/name;
--- says: audit_mode=, capture= and job= are of use with audit= only



=== TEST 199: health in all its parts
--- directive: leadgen_health_interval 2s timeout=500ms; leadgen_health_service workers optional; leadgen_health_service database optional; leadgen_health_thresholds warning=70% critical=90%; leadgen_probe backend http://127.0.0.1:1/x required; leadgen_probe two https://example.com; leadgen_redis redis://127.0.0.1:1;



=== TEST 200: an interval too short
--- directive: leadgen_health_interval 99ms;
--- says: "99ms" is not a time from 100ms to 1m



=== TEST 201: a timeout that is none
--- directive: leadgen_health_interval 5s timeout=soon;
--- says: "timeout=soon" is not a time from 100ms to 1m



=== TEST 202: an unknown service
--- directive: leadgen_health_service disk required;
--- says: unknown service "disk": use database, redis, email or workers



=== TEST 203: a service neither required nor optional
--- directive: leadgen_health_service redis maybe;
--- says: "maybe" is neither "required" nor "optional"



=== TEST 204: workers without Redis
--- directive: leadgen_health_service workers optional;
--- says: "leadgen_health_service" needs a "leadgen_redis" in http{}



=== TEST 205: thresholds the wrong way round
--- directive: leadgen_health_thresholds warning=96%;
--- says: warns later than it is critical



=== TEST 206: a threshold that is no percentage
--- directive: leadgen_health_thresholds warning=80;
--- says: "warning=80" is not warning= or critical= with a percentage



=== TEST 207: a probe of another kind
--- directive: leadgen_probe backend ftp://127.0.0.1/;
--- says: "leadgen_probe" is not http://HOST[:PORT][/PATH], or https



=== TEST 208: two probes of one name
--- directive: leadgen_probe redis http://127.0.0.1:1/;
--- says: name "redis" is taken



=== TEST 209: a probe with a name that is no word
--- directive: leadgen_probe "a b" http://127.0.0.1:1/;
--- says: name "a b" has more than a-z, 0-9, - and _



=== TEST 210: a key of the chain, and how long rows are kept
--- directive: leadgen_audit_key file:$TEST_NGINX_KEY; leadgen_audit_retention 365d;



=== TEST 211: a key of the chain in the file
--- directive: leadgen_audit_key 0123456789abcdef0123456789abcdef;
--- says: a key does not belong into a configuration file



=== TEST 212: a key of the chain that is too short
--- directive: leadgen_audit_key env:LEADGEN_TEST_SHORT;
--- says: the key has 9 bytes, and needs 32 or more



=== TEST 213: a retention of hours
--- directive: leadgen_audit_retention 12h;
--- says: "12h" is no time of a day at least



=== TEST 214: a retention twice
--- directive: leadgen_audit_retention 30d; leadgen_audit_retention 30d;
--- says: "leadgen_audit_retention" directive is duplicate



=== TEST 215: a job that there is
--- line: POST /api/a/:id public audit=lead_created job=send_followup_email(campaign_id=:id,lead_id=request:/lead,after_days=response:/days);



=== TEST 216: an unknown job
--- line: POST /api/a/:id public audit=lead_created job=rm(campaign_id=:id);
--- says: unknown job "rm": use one of send_campaign_email



=== TEST 217: a job without parentheses
--- line: POST /api/a/:id public audit=lead_created job=rm;
--- says: "job=rm" is not TASK(NAME=SOURCE,...)



=== TEST 218: two jobs
--- line: POST /api/a/:id public audit=lead_created job=optimize_send_times() job=optimize_send_times();
--- says: or another job of this line



=== TEST 219: a job without a needed argument
--- line: POST /api/a/:id public audit=lead_created job=schedule_campaign_emails();
--- says: job "schedule_campaign_emails" needs an argument "campaign_id"



=== TEST 220: a job with an unknown argument
--- line: POST /api/a/:id public audit=lead_created job=schedule_campaign_emails(id=:id);
--- says: job "schedule_campaign_emails" has no argument "id"



=== TEST 221: an argument of a job twice
--- line: POST /api/a/:id public audit=lead_created job=schedule_campaign_emails(campaign_id=:id,campaign_id=:id);
--- says: argument "campaign_id" stands twice in job=



=== TEST 222: an argument of a job from a segment that is none
--- line: POST /api/a/:id public audit=lead_created job=schedule_campaign_emails(campaign_id=:number);
--- says: path "/api/a/:id" has no ":number", which job= names



=== TEST 223: an argument of a job from nowhere
--- line: POST /api/a/:id public audit=lead_created job=schedule_campaign_emails(campaign_id=5);
--- says: is neither request:POINTER nor response:POINTER



=== TEST 224: a job without audit=
--- line: POST /api/a/:id public job=schedule_campaign_emails(campaign_id=:id);
--- says: job= are of use with audit= only



=== TEST 225: a job that may be dropped
--- line: POST /api/a/:id public audit=lead_created audit_mode=best_effort job=schedule_campaign_emails(campaign_id=:id);
--- says: there is no audit_mode= beside it



=== TEST 226: unguarded: proxy_pass
--- config
leadgen_guard on;
location /x { proxy_pass http://127.0.0.1:1; }
--- says: location "/x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 227: unguarded: fastcgi_pass
--- config
leadgen_guard on;
location /x { fastcgi_pass 127.0.0.1:1; }
--- says: location "/x" passes on by "fastcgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 228: unguarded: uwsgi_pass
--- config
leadgen_guard on;
location /x { uwsgi_pass 127.0.0.1:1; }
--- says: location "/x" passes on by "uwsgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 229: unguarded: scgi_pass
--- config
leadgen_guard on;
location /x { scgi_pass 127.0.0.1:1; }
--- says: location "/x" passes on by "scgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 230: unguarded: grpc_pass
--- config
leadgen_guard on;
location /x { grpc_pass 127.0.0.1:1; }
--- says: location "/x" passes on by "grpc_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 231: unguarded: memcached_pass
--- config
leadgen_guard on;
location /x { set $memcached_key x; memcached_pass 127.0.0.1:1; }
--- says: location "/x" passes on by "memcached_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 232: unguarded: proxy_pass by a variable
--- config
leadgen_guard on;
location /x { proxy_pass http://$host; }
--- says: location "/x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 233: unguarded: fastcgi_pass by a variable
--- config
leadgen_guard on;
location /x { fastcgi_pass $host; }
--- says: location "/x" passes on by "fastcgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 234: unguarded: uwsgi_pass by a variable
--- config
leadgen_guard on;
location /x { uwsgi_pass $host; }
--- says: location "/x" passes on by "uwsgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 235: unguarded: scgi_pass by a variable
--- config
leadgen_guard on;
location /x { scgi_pass $host; }
--- says: location "/x" passes on by "scgi_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 236: unguarded: grpc_pass by a variable
--- config
leadgen_guard on;
location /x { grpc_pass $host; }
--- says: location "/x" passes on by "grpc_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 237: unguarded: in an if
--- config
leadgen_guard on;
location /x { if ($arg_a) { proxy_pass http://127.0.0.1:1; } }
--- says: location "/x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 238: unguarded: in limit_except
--- config
leadgen_guard on;
location /x { limit_except GET { proxy_pass http://127.0.0.1:1; } }
--- says: location "/x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 239: unguarded: a named location
--- config
leadgen_guard on;
location @x { proxy_pass http://127.0.0.1:1; }
--- says: location "@x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 240: unguarded: a regular expression beside a policy
--- config
leadgen_guard on;
location /api/ { leadgen_policy { GET /api/x public; } }
location ~ x$ { proxy_pass http://127.0.0.1:1; }
--- says: location "x$" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 241: unguarded: the guard of all servers
--- directive: leadgen_guard on;
--- config
location /x { proxy_pass http://127.0.0.1:1; }
--- says: location "/x" passes on by "proxy_pass" what nobody judged: give it a "leadgen_policy", or say why not: leadgen_public "reason";



=== TEST 242: a guard in a location
--- config
location /x { leadgen_guard off; }
--- says: "leadgen_guard" directive is not allowed here



=== TEST 243: a guard that is none
--- config
leadgen_guard yes;
--- says: it must be "on" or "off"



=== TEST 244: public without a reason
--- config
location /x { leadgen_public ""; }
--- says: "leadgen_public" directive needs a reason



=== TEST 245: public, and a policy
--- config
location /api/ { leadgen_policy { GET /api/x public; } leadgen_public "it is"; }
--- says: "leadgen_public" directive and "leadgen_policy" contradict each other: write a line with "public" into the policy



=== TEST 246: a policy, and public
--- config
location /api/ { leadgen_public "it is"; leadgen_policy { GET /api/x public; } }
--- says: "leadgen_policy" directive and "leadgen_public" contradict each other



=== TEST 247: return beside a policy
--- config
location /api/ { return 200 x; leadgen_policy { GET /api/x public; } }
--- says: "return" in location "/api/" answers before its policy is asked: take one of them out



=== TEST 248: alias without its slash beside a policy
--- config
location /api { alias /tmp/; leadgen_policy { GET /api/x public; } }
--- says: "alias" of location "/api" ends with "/" and the location does not, which opens the directory above it: end both with "/"



=== TEST 249: the API, and a proxy
--- config
location /api/ { leadgen_api; proxy_pass http://127.0.0.1:1; }
--- says: "leadgen_api" in location "/api/" is replaced by another directive that answers: use two locations



=== TEST 250: the API, and a policy
--- config
location /api/ { leadgen_api; leadgen_policy { GET /api/x public; } }
--- says: "leadgen_api" in location "/api/" has a policy of its own: take "leadgen_policy" out



=== TEST 251: upgrade without GET
--- line: POST /api/x public upgrade;
--- says: "upgrade" is for routes with GET



=== TEST 252: origins: none
--- config
leadgen_cors credentials;
--- says: "leadgen_cors" directive needs an origin, such as https://app.example.com



=== TEST 253: origins: all, with credentials
--- config
leadgen_cors * credentials;
--- says: "leadgen_cors" directive has "*" beside "credentials" or an origin: name all origins instead



=== TEST 254: origins: with a path
--- config
leadgen_cors https://app.example.com/;
--- says: "https://app.example.com/" is not an origin, such as https://app.example.com



=== TEST 255: origins: in capitals
--- config
leadgen_cors https://App.example.com;
--- says: is not an origin



=== TEST 256: origins: null
--- config
leadgen_cors null;
--- says: "null" is not an origin



=== TEST 257: origins: a pattern
--- config
leadgen_cors https://*.example.com;
--- says: is not an origin



=== TEST 258: origins: an age that is none
--- config
leadgen_cors https://a max_age=ever;
--- says: "leadgen_cors" directive has a max_age= that is not a time of 1d or less



=== TEST 259: origins: headers that are none
--- config
leadgen_cors https://a "headers=A, B";
--- says: "leadgen_cors" directive has headers= or expose= that are no names with commas between



=== TEST 260: a guard with nothing to hold against anybody
--- config
leadgen_guard on;
location /api/ { leadgen_policy { GET /api/x authenticated; } proxy_pass http://127.0.0.1:1;
    location /api/y/ { proxy_pass http://127.0.0.1:1; } }
location /free/ { leadgen_public "a test"; proxy_pass http://127.0.0.1:1; location /free/y/ { fastcgi_pass 127.0.0.1:1; } }
location /api/auth { leadgen_api; }
location = /status { stub_status; }
location /old/ { return 301 /; }



=== TEST 261: return in an if beside a policy
--- config
location /api/ { if ($arg_a) { return 204; } leadgen_policy { GET /api/x public; } }
--- says: "return" in an "if" in location "/api/" answers before its policy is asked: put it into the server or a location without a policy, or return 4xx



=== TEST 262: a redirect by rewrite beside a policy
--- config
location /api/ { rewrite ^/api/old /api/x permanent; leadgen_policy { GET /api/x public; } }
--- says: "rewrite" in location "/api/" sends clients away before its policy is asked: put it into the server or a location without a policy



=== TEST 263: jobs, as they can be set
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs lost_after=5s attempts=100 longest=2h keep=7d;



=== TEST 264: jobs: lost_after=4s
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs lost_after=4s;
--- says: "lost_after=4s" is not a time from 5s to 1h



=== TEST 265: jobs: lost_after=2h
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs lost_after=2h;
--- says: "lost_after=2h" is not a time from 5s to 1h



=== TEST 266: jobs: lost_after=soon
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs lost_after=soon;
--- says: "lost_after=soon" is not a time from 5s to 1h



=== TEST 267: jobs: attempts=0
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs attempts=0;
--- says: "attempts=0" is not a number from 1 to 100



=== TEST 268: jobs: attempts=101
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs attempts=101;
--- says: "attempts=101" is not a number from 1 to 100



=== TEST 269: jobs: attempts=-1
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs attempts=-1;
--- says: "attempts=-1" is not a number from 1 to 100



=== TEST 270: jobs: longest=59s
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs longest=59s;
--- says: "longest=59s" is not a time from 1m to 7d



=== TEST 271: jobs: keep=23h
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs keep=23h;
--- says: "keep=23h" is not a time of 1d or more



=== TEST 272: jobs: keep=
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs keep=;
--- says: "keep=" is not a time of 1d or more



=== TEST 273: jobs: an unknown option
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs queue=emails;
--- says: unknown option "queue=emails": use lost_after=, attempts=, longest= or keep=



=== TEST 274: jobs: an option twice
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs attempts=2 attempts=3;
--- says: "attempts=" is there twice



=== TEST 275: jobs without Redis
--- directive: leadgen_jobs attempts=2;
--- says: "leadgen_jobs" needs a "leadgen_redis" in http{}



=== TEST 276: jobs without a database
--- missing: database spool
--- directive: leadgen_redis redis://127.0.0.1:1; leadgen_jobs attempts=2;
--- says: "leadgen_jobs" needs a "leadgen_database" in http{}



=== TEST 277: tracking with a key
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_KEY; }



=== TEST 278: tracking: a key in the configuration
--- config
location /t/ { leadgen_track swordfish-swordfish-swordfish-32; }
--- says: a key does not belong into a configuration file: use file:PATH or env:NAME



=== TEST 279: tracking: a key that is too short
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_SHORT; }
--- says: the key has 9 bytes, and needs 32 or more



=== TEST 280: tracking: a variable that is not set
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_NONE; }
--- says: environment variable "LEADGEN_TEST_NONE" is not set



=== TEST 281: tracking: a file that is not there
--- config
location /t/ { leadgen_track file:/nowhere/key; }
--- says: "/nowhere/key"



=== TEST 282: tracking: two keys
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_KEY; leadgen_track env:LEADGEN_TEST_KEY; }
--- says: "leadgen_track" directive is duplicate



=== TEST 283: tracking without a spool
--- missing: spool
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_KEY; }
--- says: "leadgen_track" needs a "leadgen_spool" in http{}



=== TEST 284: tracking without a zone
--- missing: zone spool database jwt_key
--- config
location /t/ { leadgen_track env:LEADGEN_TEST_KEY; }
--- says: "leadgen_track" needs a "leadgen_zone" in http{}



=== TEST 285: tracking outside of a location
--- directive: leadgen_track env:LEADGEN_TEST_KEY;
--- says: "leadgen_track" directive is not allowed here



=== TEST 286: a shadow with nothing that is enforced
--- config
location /api/ { leadgen_policy shadow { GET /api/x public; } }
--- says: "leadgen_policy shadow" has no policy to differ from: write the one that is enforced into the same location



=== TEST 287: a shadow in a location that only inherits its policy
--- config
location /api/ {
    leadgen_policy { GET /api/** public; }
    location /api/x/ { leadgen_policy shadow { GET /api/x/y authenticated; } }
}
--- says: "leadgen_policy shadow" has no policy to differ from: write the one that is enforced into the same location



=== TEST 288: a shadow beside public
--- config
location /api/ { leadgen_policy shadow { GET /api/x public; } leadgen_public "it is"; }
--- says: "leadgen_policy shadow" has no policy to differ from: write the one that is enforced into the same location



=== TEST 289: public, and a shadow
--- config
location /api/ { leadgen_public "it is"; leadgen_policy shadow { GET /api/x public; } }
--- says: "leadgen_policy" directive and "leadgen_public" contradict each other



=== TEST 290: two shadows
--- config
location /api/ {
    leadgen_policy { GET /api/x public; }
    leadgen_policy shadow { GET /api/x public; }
    leadgen_policy shadow { GET /api/y public; }
}
--- says: "leadgen_policy" directive is duplicate



=== TEST 291: a policy of a kind that is none
--- config
location /api/ { leadgen_policy shade { GET /api/x public; } }
--- says: unknown kind of policy "shade": write "shadow" for one that only counts, or nothing



=== TEST 292: an action in a shadow
--- config
location /api/ { leadgen_policy { GET /api/x public; }
    leadgen_policy shadow { GET /api/x public audit=lead_created; } }
--- says: "audit=lead_created": a shadow policy decides, and has no effect: leave that to the enforced one



=== TEST 293: a job in a shadow
--- config
location /api/ { leadgen_policy { POST /api/:id public; }
    leadgen_policy shadow { POST /api/:id public job=send_campaign_email(campaign_id=:id); } }
--- says: "job=send_campaign_email(campaign_id=:id)": a shadow policy decides, and has no effect



=== TEST 294: a capture in a shadow
--- config
location /api/ { leadgen_policy { POST /api/:id public; }
    leadgen_policy shadow { POST /api/:id public capture=request:/name; } }
--- says: "capture=request:/name": a shadow policy decides, and has no effect



=== TEST 295: a mode of the audit in a shadow
--- config
location /api/ { leadgen_policy { POST /api/:id public; }
    leadgen_policy shadow { POST /api/:id public audit_mode=normal; } }
--- says: "audit_mode=normal": a shadow policy decides, and has no effect



=== TEST 296: a resource in a shadow
--- config
location /api/ { leadgen_policy { POST /api/:id public; }
    leadgen_policy shadow { POST /api/:id public resource=lead; } }
--- says: "resource=lead": a shadow policy decides, and has no effect



=== TEST 297: a role of a shadow that is none
--- config
location /api/ { leadgen_policy { GET /api/x public; }
    leadgen_policy shadow { GET /api/x role=boss; } }
--- says: unknown role "boss"



=== TEST 298: an unreachable route of a shadow
--- config
location /api/ { leadgen_policy { GET /api/x public; }
    leadgen_policy shadow { GET /other public; } }
--- says: route "/other" is unreachable: no such path comes to location "/api/"



=== TEST 299: a shadow without a key for its tokens
--- missing: jwt_key
--- config
location /api/ { leadgen_policy { GET /api/x public; }
    leadgen_policy shadow { GET /api/x authenticated; } }
--- says: "leadgen_policy" needs a "leadgen_jwt_key" in http{}



=== TEST 300: an empty shadow
--- config
location /api/ { leadgen_policy { GET /api/x public; } leadgen_policy shadow { } }
--- says: an empty policy would deny everything



=== TEST 301: shadows, before and behind what is enforced
--- config
location /api/ {
    leadgen_policy shadow { GET /api/x authenticated; GET /api/** lead:read role=admin ip=10.0.0.0/8; }
    leadgen_policy { GET /api/x public; }
    location /api/inner/ { leadgen_audit all; }
    location /api/own/ { leadgen_policy { GET /api/own/x public; } leadgen_policy shadow { GET /api/own/x public; } }
}



=== TEST 302: a secret that could be anything
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY;
--- says: this is no key, and no secret of 64 hexadecimal digits or of base64 on one line: write alg=HS256 if this is meant to be a secret



=== TEST 303: a secret that is shared with an issuer
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY issuer=x;
--- says: a secret that is shared with an issuer takes alg=HS256: write alg=HS256



=== TEST 304: a secret that is shared with an issuer, and said to be one
--- missing: jwt_key
--- directive: leadgen_jwt_key env:LEADGEN_TEST_KEY issuer=x alg=HS256;



=== TEST 305: the base64 of a public key
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/spki;
--- says: this is a key, a certificate, JSON, XML or a part of one, but neither PEM nor a JSON web key



=== TEST 306: the base64 of a public key, said to be a secret
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/spki alg=HS256;
--- says: this is a key, a certificate, JSON, XML or a part of one, but neither PEM nor a JSON web key



=== TEST 307: keys behind a byte order mark
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/bom alg=HS256;
--- says: this is a key, a certificate, JSON, XML



=== TEST 308: a public key as the key of the chain
--- directive: leadgen_audit_key file:$TEST_NGINX_KEYS/public;
--- says: this is a key of signatures, a certificate, JSON, XML or a part of one



=== TEST 309: tracking: a public key
--- config
location /t/ { leadgen_track file:$TEST_NGINX_KEYS/spki; }
--- says: this is a key of signatures



=== TEST 310: a secret that everybody can read
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/open;
--- warns: holds a secret, and everybody on this machine can read it: "chmod o=



=== TEST 311: a key of the chain that everybody can read
--- directive: leadgen_audit_key file:$TEST_NGINX_KEYS/open;
--- warns: holds a secret, and everybody



=== TEST 312: tracking: a key that everybody can read
--- config
location /t/ { leadgen_track file:$TEST_NGINX_KEYS/open; }
--- warns: holds a secret, and everybody



=== TEST 313: a public key that everybody can read
--- before
chmod 0644, "$::keys/public";
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public;



=== TEST 314: two issuers with a key of one kid
--- missing: jwt_key
--- directive: leadgen_jwt_key file:$TEST_NGINX_KEYS/public kid=1 issuer=a; leadgen_jwt_key file:$TEST_NGINX_KEYS/public kid=1 issuer=b;



=== TEST 315: a ; that is missing
--- line eval
"GET /api/x public\nGET /api/y public;"
--- says: "GET" stands within a policy line: is a ";" missing before?



=== TEST 316: a ; that is missing before several methods
--- line eval
"GET /api/x lead:read audit=lead_created\nPUT|PATCH /api/y public;"
--- says: "PUT|PATCH" stands within a policy line: is a ";" missing before?



=== TEST 317: a path in place of a grant
--- line: GET /api/x /api/y public;
--- says: "/api/y" stands within a policy line: is a ";" missing before?



=== TEST 318: permissions with commas
--- line: GET /api/x lead:read,lead:update;
--- says: "lead:read,lead:update": write permissions with blanks between



=== TEST 319: a name in braces
--- line: GET /api/x/{id} public;
--- says: "/api/x/{" in a policy line: write ":id" for a segment of any name



=== TEST 320: a name in braces, in what is included
--- config
    location /api/ { leadgen_policy { include $TEST_NGINX_SERVER_ROOT/html/policy.conf; } }
--- user_files
>>> policy.conf
GET /api/a public;
GET /api/x/{id}/y public;
--- says: "/api/x/{" in a policy line: write ":id" for a segment of any name



=== TEST 321: proxy_cache that all users share
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_cache c; proxy_cache_key $scheme$request_uri; proxy_pass http://127.0.0.1:1; }
--- says: location "/api/" keeps what "proxy_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 322: proxy_cache of each user
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_cache c; proxy_cache_key "$scheme$request_uri $leadgen_user_id"; proxy_pass http://127.0.0.1:1; }



=== TEST 323: fastcgi_cache that all users share
--- directive: fastcgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } fastcgi_cache c; fastcgi_cache_key $scheme$request_uri; fastcgi_pass 127.0.0.1:1; }
--- says: location "/api/" keeps what "fastcgi_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 324: fastcgi_cache of each user
--- directive: fastcgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } fastcgi_cache c; fastcgi_cache_key "$scheme$request_uri $leadgen_user_id"; fastcgi_pass 127.0.0.1:1; }



=== TEST 325: uwsgi_cache that all users share
--- directive: uwsgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } uwsgi_cache c; uwsgi_cache_key $scheme$request_uri; uwsgi_pass 127.0.0.1:1; }
--- says: location "/api/" keeps what "uwsgi_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 326: uwsgi_cache of each user
--- directive: uwsgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } uwsgi_cache c; uwsgi_cache_key "$scheme$request_uri $leadgen_user_id"; uwsgi_pass 127.0.0.1:1; }



=== TEST 327: scgi_cache that all users share
--- directive: scgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } scgi_cache c; scgi_cache_key $scheme$request_uri; scgi_pass 127.0.0.1:1; }
--- says: location "/api/" keeps what "scgi_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 328: scgi_cache of each user
--- directive: scgi_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } scgi_cache c; scgi_cache_key "$scheme$request_uri $leadgen_user_id"; scgi_pass 127.0.0.1:1; }



=== TEST 329: proxy_cache without a key, from the server
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
proxy_cache c; location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_pass http://127.0.0.1:1; }
--- says: location "/api/" keeps what "proxy_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 330: proxy_cache by another variable
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_cache c; proxy_cache_key $leadgen_user_identity$uri; proxy_pass http://127.0.0.1:1; } set $leadgen_user_identity 1;
--- says: location "/api/" keeps what "proxy_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 331: proxy_cache in an if, and within
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_cache c; if ($arg_a) { proxy_pass http://127.0.0.1:1; } }
--- says: location "/api/" keeps what "proxy_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 332: proxy_cache in a named location behind a guarded one
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } try_files /none @app; } location @app { proxy_cache c; proxy_pass http://127.0.0.1:1; }
--- says: location "@app" keeps what "proxy_pass" brings for all users alike: put $leadgen_user_id into the key of its cache, or say why not: leadgen_cache_shared "reason";



=== TEST 333: caches that may be
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
proxy_cache_key "${leadgen_user_id} $uri";
location /api/ { leadgen_policy { GET /api/x authenticated; GET /api/y public; } proxy_cache c; proxy_pass http://127.0.0.1:1; }
location /api/off/ { proxy_cache off; proxy_cache_key $uri; proxy_pass http://127.0.0.1:1; }
location /api/shared/ { leadgen_cache_shared "the same for all"; proxy_cache c; proxy_cache_key $uri; proxy_pass http://127.0.0.1:1;
    location /api/shared/in/ { proxy_pass http://127.0.0.1:1; } }
location /public/ { leadgen_policy { GET /public/x public; } proxy_cache c; proxy_cache_key $uri; proxy_pass http://127.0.0.1:1; }
location /open/ { proxy_cache c; proxy_cache_key $uri; proxy_pass http://127.0.0.1:1; }
location /grpc/ { leadgen_policy { GET /grpc/x authenticated; } grpc_pass 127.0.0.1:1; }
location /memcached/ { leadgen_policy { GET /memcached/x authenticated; } set $memcached_key $uri; memcached_pass 127.0.0.1:1; }



=== TEST 334: a shared cache without a reason
--- directive: proxy_cache_path $TEST_NGINX_SERVER_ROOT/html/cache keys_zone=c:1m;
--- config
location /api/ { leadgen_cache_shared ""; }
--- says: "leadgen_cache_shared" directive needs a reason, for whoever reads this next
