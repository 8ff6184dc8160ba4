<?php
// Answers with Symfony's HttpKernel and Routing, served by PHP's own server.

use Symfony\Component\EventDispatcher\EventDispatcher;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Controller\ControllerResolver;
use Symfony\Component\HttpKernel\EventListener\RouterListener;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;
use Symfony\Component\HttpKernel\HttpKernel;
use Symfony\Component\HttpKernel\Kernel;
use Symfony\Component\Routing\Matcher\UrlMatcher;
use Symfony\Component\Routing\RequestContext;
use Symfony\Component\Routing\Route;
use Symfony\Component\Routing\RouteCollection;

require 'Symfony/Component/HttpKernel/autoload.php';
require 'Symfony/Component/Routing/autoload.php';

$answers = [
    '/' => fn () => new JsonResponse([
        'framework' => 'symfony',
        'version' => Kernel::VERSION,
        'language' => 'php',
    ]),
    '/healthz' => fn () => new Response("ok\n"),
];

$routes = new RouteCollection();
foreach ($answers as $path => $controller) {
    $routes->add($path, new Route($path, ['_controller' => $controller]));
}

$requests = new RequestStack();
$events = new EventDispatcher();
$events->addSubscriber(new RouterListener(new UrlMatcher($routes, new RequestContext()), $requests));
$kernel = new HttpKernel($events, new ControllerResolver(), $requests);

$request = Request::createFromGlobals();
try {
    // 1 is the main request: its constant has another name in 4.4 and in 6.
    $response = $kernel->handle($request, 1, false);
} catch (NotFoundHttpException $missing) {
    $response = new Response("not found\n", 404);
}
$response->send();
